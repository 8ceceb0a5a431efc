"""A rendering that notes what it reads: answers, layers, slots, the layers' data, numbers of the plan."""

import pickle
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import yaml
from combinations import Answers, catalog
from jinja2 import FileSystemLoader, StrictUndefined, Template, TemplateNotFound
from jinja2.runtime import Context

from generator.environment import SharingEnvironment

IMAGES = "templates/_shared/images.jinja"
SLOT = re.compile(r"/_slots/(.+)$")


@dataclass
class Reads:
    """What a template has read."""

    names: set[str] = field(default_factory=set)
    """Questions, the computed ones too."""
    layers: set[str] = field(default_factory=set)
    """Layers that `on` was asked for."""
    slots: set[str] = field(default_factory=set)
    """Places that layers may fill."""
    keys: set[str] = field(default_factory=set)
    """Keys of `feature.yml`."""
    numbers: set[str] = field(default_factory=set)
    """Numbers of the plan."""

    def add(self, other: "Reads") -> bool:
        """Add another rendering's; tell whether there was anything new."""
        before = self._size()
        for key, value in vars(other).items():
            getattr(self, key).update(value)
        return self._size() > before

    def _size(self) -> int:
        return sum(len(value) for value in vars(self).values())


class _Noted(dict[str, Any]):
    """A map that notes the keys that are asked for."""

    def __init__(self, content: Mapping[str, Any], notes: set[str]) -> None:
        super().__init__(content)
        self.notes = notes

    def get(self, key: str, default: Any = None) -> Any:  # noqa: ANN401 - as dict's
        self.notes.add(key)
        return super().get(key, default)

    def __getitem__(self, key: str) -> Any:  # noqa: ANN401 - as dict's
        self.notes.add(key)
        return super().__getitem__(key)

    def __contains__(self, key: object) -> bool:
        self.notes.add(str(key))
        return super().__contains__(key)


class NotingContext(Context):
    """Notes the answers that are resolved, also in what a template includes and imports."""

    def resolve_or_missing(self, key: str) -> Any:  # noqa: ANN401 - as jinja2's
        """Note and give."""
        # It names the images of all versions for whoever needs one: see `Reader.render`.
        if key in catalog().questions and self.name != IMAGES:
            environment: Any = self.environment
            environment.reads.names.add(key)
        return super().resolve_or_missing(key)


def from_yaml(text: str) -> Any:  # noqa: ANN401 - any document
    """Read YAML; the same text, which many files share, is parsed once."""
    return pickle.loads(_parsed(text))  # noqa: S301 - our own


@lru_cache(maxsize=4096)
def _parsed(text: str) -> bytes:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return pickle.dumps(yaml.load(text, Loader=loader))  # noqa: S506 - both are safe


class Reader(SharingEnvironment):
    """The template's Jinja; after a rendering, `reads` has what was read."""

    context_class = NotingContext

    def __init__(self) -> None:
        """Make it as the command makes its own."""
        options = dict(catalog().settings["_envops"]) | {"undefined": StrictUndefined}
        super().__init__(
            loader=FileSystemLoader(catalog().root),
            extensions=["jinja2_ansible_filters.AnsibleCoreFiltersExtension"],
            auto_reload=False,
            cache_size=-1,
            **options,
        )
        paths = catalog().root.glob("templates/*/_slots/*")
        self.slots = {path.relative_to(catalog().root).as_posix() for path in paths}
        self.filters["from_yaml"] = from_yaml
        self.reads = Reads()

    def get_template(self, name: Any, *arguments: Any, **options: Any) -> Template:  # noqa: ANN401 - as jinja2's
        """Note a slot, whether the layer that is asked for it has it or not."""
        if isinstance(name, str) and (found := SLOT.search(name)):
            self.reads.slots.add(found[1])
            if name not in self.slots:
                raise TemplateNotFound(name)
        return super().get_template(name, *arguments, **options)

    def render(self, name: str, answers: Answers) -> tuple[str, Reads]:
        """Render a template; its text, and what it has read."""
        self.reads = reads = Reads()
        text = self.get_template(name).render(self._noted(answers))
        if f"python:{answers['python_version']}-" in text:
            reads.names.add("python_version")
        if f"nginx:{answers['nginx_version'] or '1.30'}-" in text:
            reads.names.add("nginx_version")
        return text, reads

    def _noted(self, answers: Answers) -> Answers:
        """The answers, with maps in place of the computed ones that note what is asked for."""
        reads, plan = self.reads, answers["plan"]
        environments = {
            name: one | {"numbers": _Noted(one["numbers"], reads.numbers)}
            for name, one in plan["environments"].items()
            if "numbers" in one
        }
        return answers | {
            "on": _Noted(answers["on"], reads.layers),
            "features": [_Noted(one, reads.keys) for one in answers["features"]],
            "plan": plan | {"environments": environments},
        }
