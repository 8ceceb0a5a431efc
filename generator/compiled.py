"""Compile each Jinja template once: in a run, and on this machine.

Compiling is most of the time of a render: every path and every file is a template, and an update
renders twice, with an environment of its own each time. Code depends on the source and on the
environment's syntax only, so all renders of a process share it, and jinja2's own store of compiled
templates keeps it in the user's cache folder for the next run.
"""

import inspect
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache, partial
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import CodeType

    from jinja2 import Environment, FileSystemBytecodeCache

SYNTAX = (
    "block_start_string", "block_end_string", "variable_start_string", "variable_end_string",
    "comment_start_string", "comment_end_string", "line_statement_prefix", "line_comment_prefix",
    "trim_blocks", "lstrip_blocks", "newline_sequence", "keep_trailing_newline", "optimized",
    "autoescape", "is_async", "sandboxed",
)  # fmt: skip
FORM = 2
"""How we compile; a change of it must not meet code that was stored before."""
MOST_STORED = 5000
"""Templates in the store (one version of ours has some 500); beyond that it starts anew."""


Compile = Callable[..., Any]
PARAMETERS = ("self", "source", "name", "filename", "raw", "defer_init")
"""What jinja2's `Environment.compile` takes; where it takes anything else, nothing is shared."""


@contextmanager
def shared_compilation() -> Iterator[None]:
    """Let all environments use what another one, or another run, compiled, until the block ends.

    jinja2 caches compiled code for loaded files alone, and copier, which makes an environment for
    each render, takes no cache and no environment: so jinja2's method is replaced for the moment.
    """
    from jinja2 import Environment

    original = Environment.compile
    if tuple(inspect.signature(original).parameters) != PARAMETERS:
        yield
        return

    def shared(
        self: Environment,
        source: object,
        name: str | None = None,
        filename: str | None = None,
        raw: bool = False,
        defer_init: bool = False,
    ) -> Any:  # noqa: ANN401 - as jinja2's
        return compile_once(self, partial(original, self), source, name, filename, raw, defer_init)

    Environment.compile = shared  # type: ignore[method-assign]
    try:
        yield
    finally:
        Environment.compile = original  # type: ignore[method-assign]


def compile_once(
    environment: "Environment",
    compile_template: Compile,
    source: object,
    *details: Any,  # noqa: ANN401 - as jinja2's
) -> Any:  # noqa: ANN401 - code, or text with `raw`
    """Compile text with `compile_template`, or give what an alike environment made of it.

    `details` are the arguments of `Environment.compile` after the source. Syntax trees and raw
    output are never shared.
    """
    name, _, raw, defer_init = details
    if raw or not isinstance(source, str):
        return compile_template(source, *details)
    key, known, store = _key(environment, source, name, defer_init), _known(), _store()
    if key not in known:
        known[key] = _stored(store, environment, key, source)
    if known[key] is None:
        with _without_folding(environment):
            known[key] = compile_template(source, *details)
        _keep(store, environment, key, source, known[key])
    return known[key]


@cache
def _known() -> dict[str, Any]:
    """What this run has compiled or read: key -> code."""
    return {}


@contextmanager
def _without_folding(environment: "Environment") -> Iterator[None]:
    """Leave every expression to the render.

    jinja2 works out filters of constants while it compiles. In shared code a date would stand
    still, and a random number would be the same in every project.
    """
    from jinja2 import nodes
    from jinja2.compiler import CodeGenerator, Frame

    class AtRunTime(CodeGenerator):
        """Writes code that works out filters and tests when it runs."""

        def _output_child_to_const(
            self,
            node: nodes.Expr,
            frame: Frame,
            finalize: Any,  # noqa: ANN401 - jinja2's own
        ) -> str:
            inside = (node, *node.find_all((nodes.Filter, nodes.Test)))
            if any(isinstance(one, (nodes.Filter, nodes.Test)) for one in inside):
                raise nodes.Impossible
            return super()._output_child_to_const(node, frame, finalize)

    before = environment.code_generator_class, environment.optimized
    environment.code_generator_class, environment.optimized = AtRunTime, False
    try:
        yield
    finally:
        environment.code_generator_class, environment.optimized = before


def _key(environment: "Environment", source: str, name: str | None, defer_init: bool) -> str:
    """Name everything that the code of a template depends on."""
    syntax = [getattr(environment, attribute) for attribute in SYNTAX]
    parts = (syntax, sorted(environment.extensions), name, defer_init, source)
    return sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()


@cache
def _store() -> "FileSystemBytecodeCache | None":
    """Open the store; None where the folder cannot be had, or where others could write into it."""
    from jinja2 import FileSystemBytecodeCache
    from platformdirs import user_cache_path

    # jinja2's files say of which Python and which format they are, not of which jinja2.
    which = f"{version('jinja2')}-{sys.version_info[1]}-{FORM}"
    folder = user_cache_path("fastgen") / f"jinja2-{which}"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not _is_private(folder):
            return None
        if len(files := list(folder.iterdir())) > MOST_STORED:
            for file in files:
                file.unlink(missing_ok=True)
    except OSError:
        return None
    return FileSystemBytecodeCache(str(folder))


def _is_private(folder: Path) -> bool:
    """Tell whether nobody else can write code there (POSIX; on Windows the profile is private)."""
    if os.name == "nt":
        return True
    status = folder.lstat()
    return status.st_uid == os.geteuid() and not status.st_mode & 0o022


def _stored(
    store: "FileSystemBytecodeCache | None", environment: "Environment", key: str, source: str
) -> "CodeType | None":
    """Read the code of a template; what cannot be read is as good as absent."""
    if store is None:
        return None
    with suppress(OSError, EOFError, ValueError, UnpicklingError):
        return store.get_bucket(environment, key, None, source).code
    return None


def _keep(
    store: "FileSystemBytecodeCache | None",
    environment: "Environment",
    key: str,
    source: str,
    code: "CodeType",
) -> None:
    """Write the code of a template for the next run, where that can be done."""
    if store is None:
        return
    from jinja2.bccache import Bucket

    bucket = Bucket(environment, store.get_cache_key(key), store.get_source_checksum(source))
    bucket.code = code
    with suppress(OSError, ValueError):
        store.dump_bytecode(bucket)
