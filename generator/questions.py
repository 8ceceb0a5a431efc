"""The questions of `copier.yml`, read as data: prompts, flags and `fastgen options` use them.

`generator.answers` evaluates them (conditions, defaults, validators).
"""

from collections import ChainMap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from generator.errors import ExitCode, FastgenError


@dataclass(frozen=True)
class Choice:
    """One allowed value; `validator` is a template that gives a reason when it is not available."""

    label: str
    value: object
    validator: str = ""


@dataclass(frozen=True)
class Question:
    """One entry of `copier.yml`. Strings may be Jinja templates, as copier has them."""

    key: str
    type: str
    help: str
    choices: tuple[Choice, ...]
    default: object
    when: str | bool
    validator: str
    multiselect: bool
    placeholder: str
    group: str
    computed: bool

    @property
    def flag(self) -> str:
        """The command-line option that answers this question."""
        return "--" + self.key.replace("_", "-")

    @property
    def flags(self) -> tuple[str, ...]:
        """The option and its short form without the unit (`--memory-mb`, `--memory`)."""
        short = self.flag.removesuffix("-mb")
        return (self.flag,) if short == self.flag else (self.flag, short)

    @property
    def metavar(self) -> str:
        """What the option takes, for the help text."""
        if self.choices and not self.multiselect:
            return "[" + "|".join(str(choice.value) for choice in self.choices) + "]"
        return (
            "LIST"
            if self.multiselect
            else {"int": "NUMBER", "float": "NUMBER"}.get(self.type, "TEXT")
        )


@dataclass(frozen=True)
class Group:
    """A heading of the interview and the questions under it, in asking order.

    `sizing` tells that their answers may change the computed numbers.
    """

    title: str
    questions: tuple[Question, ...]
    sizing: bool


@dataclass(frozen=True)
class Preset:
    """A named set of answers."""

    name: str
    help: str
    answers: Mapping[str, object]


@dataclass(frozen=True, eq=False)
class Catalog:
    """Everything that `copier.yml` says. `root` is the template tree that it was read from."""

    root: Path
    settings: Mapping[str, Any]
    questions: Mapping[str, Question]
    presets: Mapping[str, Preset]

    @cached_property
    def asked(self) -> tuple[Question, ...]:
        """The questions that a person answers, in asking order."""
        return tuple(question for question in self.questions.values() if not question.computed)

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """The headings of the interview; a question without a heading stands under `Other`."""
        described = [*self.settings["_groups"], {"title": OTHER}]
        groups = (
            Group(
                entry["title"],
                tuple(q for q in self.asked if q.group == entry["title"]),
                entry.get("sizing", False),
            )
            for entry in described
        )
        return tuple(group for group in groups if group.questions)


OTHER = "Other"


def load_catalog(root: Path) -> Catalog:
    """Read `copier.yml` of the template tree `root`, with the files that it includes."""
    config = dict(ChainMap(*reversed([dict(part) for part in _documents(root)])))
    settings = {key: value for key, value in config.items() if key.startswith("_")}
    settings.setdefault("_groups", [])
    groups = {key: group["title"] for group in settings["_groups"] for key in group["questions"]}
    questions = {
        key: _question(key, details, groups.get(key, OTHER))
        for key, details in config.items()
        if not key.startswith("_")
    }
    presets = {
        name: Preset(name, details["help"], details["answers"])
        for name, details in settings.get("_presets", {}).items()
    }
    return Catalog(root, settings, questions, presets)


def _documents(root: Path) -> Iterator[Mapping[str, Any]]:
    """Give the maps of `copier.yml` in order, those of included files in place."""

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        """A loader of our own, so that `!include` is known to no other reader of YAML."""

    def include(loader: yaml.SafeLoader, node: yaml.Node) -> list[Any]:
        if not isinstance(node, yaml.ScalarNode):
            raise yaml.YAMLError(f"unsupported !include: {node!r}")
        found = root.glob(str(loader.construct_scalar(node)))
        return [part for path in found for part in _load_all(path, Loader)]

    Loader.add_constructor("!include", include)
    path = root / "copier.yml"
    try:
        parts = _load_all(path, Loader)
    except (OSError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise FastgenError(
            f"cannot read the template's questions: {reason}", exit_code=ExitCode.FAILURE
        ) from error
    for part in parts:
        yield from part if isinstance(part, list) else [part]


def _load_all(path: Path, loader: type[yaml.SafeLoader]) -> list[Any]:
    # The loader is a SafeLoader with one more tag.
    documents = yaml.load_all(path.read_bytes(), Loader=loader)
    return [part for part in documents if part]


def _question(key: str, details: object, group: str) -> Question:
    """Build one question; a bare value is a question with that default, as in copier."""
    data: Mapping[str, Any] = details if isinstance(details, dict) else {"default": details}
    return Question(
        key=key,
        type=data.get("type") or _type_of(data.get("default")),
        help=data.get("help", ""),
        choices=tuple(_choices(data.get("choices", ()))),
        default=data.get("default"),
        when=data.get("when", True),
        validator=data.get("validator", ""),
        multiselect=bool(data.get("multiselect", False)),
        placeholder=data.get("placeholder", ""),
        group=group,
        computed=data.get("when", True) is False,
    )


def _type_of(default: object) -> str:
    name = type(default).__name__
    return name if name in {"bool", "float", "int", "str"} else "yaml"


def _choices(choices: Any) -> Iterator[Choice]:  # noqa: ANN401 - whatever YAML holds
    """Read copier's forms: a list of values, a map of labels to values, or to maps."""
    pairs = choices.items() if isinstance(choices, dict) else choices
    for pair in pairs:
        label, value = pair if isinstance(pair, (tuple, list)) else (pair, pair)
        if isinstance(value, dict):
            yield Choice(str(label), value["value"], value.get("validator", ""))
        else:
            yield Choice(str(label), value)
