"""Write the derived documents: `python docs/derive.py`; `--check` only compares.

A derived part of a document stands between `<!-- NAME -->` and `<!-- /NAME -->`.
"""

import itertools
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from combinations import catalog, possible_values, values  # noqa: E402 - beside the tests
from golden_trees import FOLDER, size  # noqa: E402

DOCS = ROOT / "docs"


def options() -> str:
    """The table of questions and choices."""
    command = [sys.executable, "-m", "generator", "options", "--markdown"]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def sizes() -> str:
    """How large the golden projects are."""
    lines = []
    for name in ("minimal", "maximal"):
        files, lines_in_all, code = size(name)
        lines.append(
            f"- [{name}](tests/golden/{name}/): {files} files, {lines_in_all} lines, "
            f"{code} of them Python of the service itself"
        )
    return "\n".join(lines) + "\n"


def techniques() -> str:
    """The table of techniques with links to the lines that carry them."""
    groups = yaml.safe_load((DOCS / "techniques.yml").read_text(encoding="utf-8"))
    parts = []
    for group, rows in groups.items():
        parts.append(f"## {group}\n\n| what | where |\n|---|---|")
        parts[-1] += "".join(f"\n| {row['says']} | {_link(row)} |" for row in rows)
    return "\n\n".join(parts) + "\n"


def _link(row: dict[str, Any]) -> str:
    text = (FOLDER / "maximal" / row["file"]).read_text(encoding="utf-8")
    found = [number for number, line in enumerate(text.splitlines(), 1) if row["line"] in line]
    if not found:
        raise SystemExit(f"error: {row['file']} has no line with {row['line']!r} any more")
    return f"[{row['file']}:{found[0]}](../tests/golden/maximal/{row['file']}#L{found[0]})"


def compatibility() -> str:
    """The choices that exist only beside some answers to another question."""
    lines = ["| choice | only with |", "|---|---|"]
    for key, value, other, allowed in _restrictions():
        lines.append(f"| `{key}={value}` | `{other}`: {', '.join(f'`{one}`' for one in allowed)} |")
    return "\n".join(lines) + "\n"


def _restrictions() -> Iterator[tuple[str, str, str, list[str]]]:
    found = possible_values()
    every: dict[str, list[str]] = {}
    for question in catalog().asked:
        texts = [str(value) for value in values(question)]
        every[question.key] = [text for text in texts if (question.key, text) in found]
    for key, other in itertools.permutations(every, 2):
        for value in every[key]:
            allowed = found[key, value].get(other, set())
            if allowed and len(allowed) < len(every[other]):
                yield key, value, other, [text for text in every[other] if text in allowed]


PARTS: dict[Path, dict[str, Callable[[], str]]] = {
    ROOT / "README.md": {"options": options, "sizes": sizes},
    DOCS / "techniques.md": {"techniques": techniques},
    DOCS / "compatibility.md": {"compatibility": compatibility},
}


def derived(document: Path) -> str:
    """A document with its derived parts as they should be."""
    text = document.read_text(encoding="utf-8")
    for name, write in PARTS[document].items():
        pattern = rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)"
        new, content = re.compile(pattern, re.DOTALL), write()
        if not new.search(text):
            raise SystemExit(f"error: {document.name} has no part `{name}`")
        text = new.sub(lambda found, content=content: f"{found[1]}{content}{found[2]}", text)  # type: ignore[misc]
    return text


def main() -> int:
    """Write, or with `--check` name the documents that would change."""
    stale = 0
    for document in PARTS:
        after = derived(document)
        if document.read_text(encoding="utf-8") == after:
            continue
        stale += 1
        if "--check" in sys.argv:
            print(f"{document.name} is not as derived: run `make docs`")
        else:
            document.write_text(after, encoding="utf-8")
    return int(stale > 0 and "--check" in sys.argv)


if __name__ == "__main__":
    sys.exit(main())
