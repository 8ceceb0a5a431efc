"""Everything that fastgen prints: data on standard output, messages on standard error.

rich is imported when something needs it: a failing command and `--json` never pay for it.
Colours only on a terminal, and never with `NO_COLOR`; nothing is told by colour alone.
"""

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from generator.errors import FastgenError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.tree import Tree

RED, CYAN, BOLD, DIM = "31", "36", "1", "2"
PLAIN_WIDTH = 120
"""Columns of a table that goes to a file or a pipe."""


def prepare_streams() -> None:
    """Never fail on a character that the terminal's encoding does not have."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def is_interactive() -> bool:
    """Tell whether questions can be asked: a terminal on both sides."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def error(failure: FastgenError) -> None:
    """Show an expected failure: one line, then how to get on."""
    _stderr(f"{_paint('error:', RED)} {_one_line(failure.message)}")
    if failure.hint:
        _stderr(f"{_paint('hint:', CYAN)} {_one_line(failure.hint)}")


def warning(text: str) -> None:
    """Show what the person should know, though the run goes on."""
    _stderr(f"{_paint('warning:', '33')} {_one_line(text)}")


def message(text: str = "") -> None:
    """Show progress or an explanation."""
    _stderr(text)


def heading(text: str) -> None:
    """Start a part of the messages."""
    _stderr(f"\n{_paint(text, BOLD)}")


def line(text: str = "") -> None:
    """Print a line of the result."""
    sys.stdout.write(text + "\n")


def text(line_of_text: str, *, to_stderr: bool = False) -> None:
    """Print a line of the result or of the messages, in marks that the terminal has."""
    stream = sys.stderr if to_stderr else sys.stdout
    stream.write(_ascii(line_of_text, stream) + "\n")


def document(data: object) -> None:
    """Print the one JSON document of `--json`."""
    line(json.dumps(data, indent=2, ensure_ascii=False, default=str))


def table(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    to_stderr: bool = False,
    right: Sequence[str] = (),
) -> None:
    """Print a table; the columns named in `right` hold numbers."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    shown = Table(title=Text(title), title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for column in columns:
        shown.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        shown.add_row(*(Text(cell) for cell in row))
    _rich(sys.stderr if to_stderr else sys.stdout).print(shown)


def bar(label: str, parts: Mapping[str, int], total: int, *, to_stderr: bool = False) -> None:
    """Print a bar of `total` divided in up to three parts, told apart by marks and numbers."""
    width, marks = 40, "█▒░"
    done, drawn, legend = 0, "", []
    for mark, (name, count) in zip(marks, parts.items(), strict=False):
        done += count
        drawn += mark * (round(width * done / max(total, 1)) - len(drawn))
        legend.append(f"{mark} {name} {count}")
    shown = f"  {label:<12} {drawn}  {', '.join(legend)}, of {total}"
    text(shown, to_stderr=to_stderr)


def tree(name: str, files: Sequence[str], depth: int = 2) -> None:
    """Print the folders and files of a project, folders first, `depth` levels deep."""
    from rich.text import Text
    from rich.tree import Tree

    root = Tree(Text(name + "/"))
    _branch(root, [tuple(path.split("/")) for path in files], depth)
    _rich(sys.stdout).print(root)


def _branch(node: "Tree", paths: Sequence[tuple[str, ...]], depth: int) -> None:
    from rich.text import Text

    folders = sorted({path[0] for path in paths if len(path) > 1})
    for folder in folders:
        inside = [path[1:] for path in paths if path[0] == folder and len(path) > 1]
        if depth > 1:
            _branch(node.add(Text(folder + "/")), inside, depth - 1)
        else:
            node.add(Text(f"{folder}/  ({len(inside)} files)"))
    for (name,) in sorted(path for path in paths if len(path) == 1):
        node.add(Text(name))


def _rich(stream: TextIO) -> "Console":
    from rich.console import Console

    width = None if stream.isatty() else PLAIN_WIDTH
    return Console(file=stream, width=width, highlight=False, emoji=False, markup=False)


def _paint(text: str, code: str) -> str:
    coloured = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    return f"\x1b[{code}m{text}\x1b[0m" if coloured else text


def _one_line(text: str) -> str:
    """Join lines and make control characters visible: a message must not steer the terminal."""
    joined = " ".join(text.split())
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in joined)


def _ascii(line_of_text: str, stream: TextIO) -> str:
    """Replace the marks of a bar where the stream cannot show them."""
    try:
        line_of_text.encode(stream.encoding or "ascii")
    except UnicodeEncodeError:
        return line_of_text.translate(str.maketrans("█▒░", "#=."))
    return line_of_text


def _stderr(text: str) -> None:
    sys.stderr.write(text + "\n")


def plain(value: Any) -> Any:  # noqa: ANN401 - whatever is to become JSON
    """Turn dataclasses, paths and tuples inside `value` into what JSON knows."""
    import dataclasses

    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value
