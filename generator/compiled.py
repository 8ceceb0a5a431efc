"""Compile each Jinja template once: in a run, and on this machine.

Compiling is most of the time of a render: every path and every file is a template, and an update
renders twice, with an environment of its own each time. Code depends on the source and on the
environment's syntax only, so all renders of a process share it, and jinja2's own store of compiled
templates keeps it in the user's cache folder for the next run.
"""

import os
import sys
from contextlib import suppress
from functools import cache
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
MOST_STORED = 5000
"""Templates in the store (one version of ours has some 500); beyond that it starts anew."""


@cache
def share_compiled_templates() -> None:
    """Let every environment of this process use what another one, or another run, has compiled."""
    from jinja2 import Environment

    compile_template, known, store = Environment.compile, dict[str, Any](), _store()

    def compile_once(
        self: Environment,
        source: Any,  # noqa: ANN401 - text or a syntax tree
        name: str | None = None,
        filename: str | None = None,
        raw: bool = False,
        defer_init: bool = False,
    ) -> Any:  # noqa: ANN401 - code, or text with `raw`
        if raw or not isinstance(source, str):
            return compile_template(self, source, name, filename, raw, defer_init)  # type: ignore[call-overload]
        key = _key(self, source, name, defer_init)
        if key not in known:
            known[key] = _stored(store, self, key, source)
        if known[key] is None:
            known[key] = compile_template(self, source, name, filename, False, defer_init)
            _keep(store, self, key, source, known[key])
        return known[key]

    # jinja2 caches compiled code for loaded files alone, and copier takes no cache.
    Environment.compile = compile_once  # type: ignore[method-assign]


def _key(environment: "Environment", source: str, name: str | None, defer_init: bool) -> str:
    """Name everything that the code of a template depends on."""
    syntax = [getattr(environment, attribute) for attribute in SYNTAX]
    parts = (syntax, sorted(environment.extensions), name, defer_init, source)
    return sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()


def _store() -> "FileSystemBytecodeCache | None":
    """Open the store; None where the folder cannot be had, or where others could write into it."""
    from jinja2 import FileSystemBytecodeCache
    from platformdirs import user_cache_path

    # jinja2's files say of which Python and which format they are, not of which jinja2.
    folder = user_cache_path("fastgen") / f"jinja2-{version('jinja2')}-{sys.version_info[1]}"
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
