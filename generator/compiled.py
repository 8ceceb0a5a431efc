"""Compile each Jinja template once in a run.

Compiling is most of the time of a render: every path and every file is a template, and an update
renders twice, with an environment of its own each time. Code depends on the source and on the
environment's syntax only, so all renders of a process can share it.
"""

from functools import cache
from typing import Any

SYNTAX = (
    "block_start_string", "block_end_string", "variable_start_string", "variable_end_string",
    "comment_start_string", "comment_end_string", "line_statement_prefix", "line_comment_prefix",
    "trim_blocks", "lstrip_blocks", "newline_sequence", "keep_trailing_newline", "optimized",
    "autoescape", "is_async", "sandboxed",
)  # fmt: skip


@cache
def share_compiled_templates() -> None:
    """Let every environment of this process use what another one has compiled."""
    from jinja2 import Environment

    compile_template, known = Environment.compile, dict[object, Any]()

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
        syntax = tuple(getattr(self, attribute) for attribute in SYNTAX)
        key = (syntax, tuple(sorted(self.extensions)), source, name, defer_init)
        if key not in known:
            known[key] = compile_template(self, source, name, filename, False, defer_init)
        return known[key]

    # jinja2 caches compiled code for loaded files alone, and copier takes no cache.
    Environment.compile = compile_once  # type: ignore[method-assign]
