"""The Jinja that evaluates questions: copier's sandbox, filters, and the template's settings."""

from functools import lru_cache
from typing import Any

from jinja2 import FileSystemLoader, StrictUndefined, Template, Undefined
from jinja2.sandbox import SandboxedEnvironment

from generator.compiled import compile_once
from generator.questions import Catalog


class SharingEnvironment(SandboxedEnvironment):
    """An environment that shares what it compiles with those of other versions of the template."""

    def compile(
        self,
        source: object,
        name: str | None = None,
        filename: str | None = None,
        raw: bool = False,
        defer_init: bool = False,
    ) -> Any:  # noqa: ANN401 - as jinja2's
        """Compile a template, at most once in a run."""
        return compile_once(self, super().compile, source, name, filename, raw, defer_init)


@lru_cache(maxsize=2)
def environment_of(catalog: Catalog) -> SandboxedEnvironment:
    """Give the environment of a template, made as copier makes its own."""
    options = dict(catalog.settings.get("_envops", {}))
    strict = options.get("undefined") == "jinja2.StrictUndefined"
    options["undefined"] = StrictUndefined if strict else Undefined
    return SharingEnvironment(
        loader=FileSystemLoader(catalog.root),
        extensions=["jinja2_ansible_filters.AnsibleCoreFiltersExtension"],
        auto_reload=False,
        cache_size=-1,
        **options,
    )


@lru_cache(maxsize=2048)
def compiled(environment: SandboxedEnvironment, text: str) -> Template:
    """Compile a template's text once: answers are evaluated in many steps."""
    return environment.from_string(text)
