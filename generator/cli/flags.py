"""One command-line option per question, derived from `copier.yml`, and where answers come from."""

import inspect
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from generator.answers import PRESET, Given, display, nearest
from generator.errors import FastgenError
from generator.questions import Catalog, Question, load_catalog
from generator.template import packaged_root

PREFIX = "flag_"


def with_question_flags(
    command: Callable[..., None], only: Callable[[Catalog, Question], bool]
) -> Callable[..., None]:
    """Give `command` an option for each question; it gets what was typed as `flags`."""
    catalog = load_catalog(packaged_root())
    questions = [question for question in catalog.asked if only(catalog, question)]

    def run(**arguments: Any) -> None:  # noqa: ANN401 - typer passes what the signature says
        flags = {
            key.removeprefix(PREFIX): arguments.pop(key)
            for key in list(arguments)
            if key.startswith(PREFIX)
        }
        command(**arguments, flags={key: value for key, value in flags.items() if _given(value)})

    own = inspect.signature(command, eval_str=True).parameters
    parameters = [parameter for name, parameter in own.items() if name != "flags"]
    parameters += [_parameter(question) for question in questions]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    run.__doc__ = command.__doc__
    return run


def _given(value: object) -> bool:
    return value is not None and value != []


def _parameter(question: Question) -> inspect.Parameter:
    """Describe the option of one question."""
    kind: Any = str | None
    names: tuple[str, ...] = question.flags
    metavar: str | None = question.metavar
    if question.type == "bool":
        kind, names, metavar = bool | None, (f"{question.flag}/--no-{question.flag[2:]}",), None
    elif question.multiselect:
        kind = list[str] | None
    option = typer.Option(*names, help=_help(question), metavar=metavar, show_default=False)
    return inspect.Parameter(
        PREFIX + question.key,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[kind, option],
    )


def _help(question: Question) -> str:
    text = question.help
    if question.multiselect:
        names = ", ".join(str(choice.value) for choice in question.choices)
        text += f": a comma-separated list of {names}; or none"
    templated = isinstance(question.default, str) and "{{" in question.default
    if question.default == "" or templated:
        return text
    return f"{text} (default: {display(question.default)})"


def collect(
    catalog: Catalog,
    *,
    name: str | None = None,
    flags: Mapping[str, object] | None = None,
    data: Iterable[str] = (),
    data_file: Path | None = None,
    preset: str | None = None,
) -> dict[str, Given]:
    """Gather the answers of one command line.

    Flags and `-d` win over the data file, that over the preset. Two different answers to one
    question on the command line itself are an error.
    """
    given = _preset(catalog, preset)
    if data_file:
        given.update(read_data_file(data_file))
    typed = [(key, Given(value, _flag(catalog, key))) for key, value in (flags or {}).items()]
    if name is not None:
        typed.append(("project_name", Given(name, "NAME")))
    return given | _once(typed + [_pair(item) for item in data])


def _flag(catalog: Catalog, key: str) -> str:
    return catalog.questions[key].flag if key in catalog.questions else f"the option for `{key}`"


def _once(typed: list[tuple[str, Given]]) -> dict[str, Given]:
    """Refuse two different answers to one question."""
    found: dict[str, Given] = {}
    for key, answer in typed:
        first = found.setdefault(key, answer)
        if _same(first.value) != _same(answer.value):
            raise FastgenError(
                f"two answers to `{key}`: {display(first.value)} ({first.source}) and "
                f"{display(answer.value)} ({answer.source})",
                "give it once",
            )
    return found


def _same(value: object) -> str:
    """Bring different spellings of one answer together: `--example` and `-d example=yes`."""
    words = value if isinstance(value, list) else [value]
    text = ",".join(display(word) for word in words)
    return {"true": "yes", "false": "no"}.get(text.lower(), text)


def _pair(item: str) -> tuple[str, Given]:
    key, equals, value = item.partition("=")
    if not equals or not key.strip():
        raise FastgenError(f"`-d {item}` has no value", "write `-d KEY=VALUE`")
    return key.strip(), Given(value, "-d")


def _preset(catalog: Catalog, name: str | None) -> dict[str, Given]:
    if name is None:
        return {}
    if name not in catalog.presets:
        raise FastgenError(f"no such preset: `{name}`", nearest(name, catalog.presets))
    return {key: Given(value, PRESET) for key, value in catalog.presets[name].answers.items()}


def read_data_file(path: Path) -> dict[str, Given]:
    """Read answers from a YAML or JSON file, another project's answers file included."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = (getattr(error, "strerror", None) or "").lower() or "it is not UTF-8 text"
        raise FastgenError(f"cannot read `{path}`: {reason}") from error
    data = _read_json(path, text) if path.suffix.lower() == ".json" else _read_yaml(path, text)
    if not isinstance(data, dict) or not all(isinstance(key, str) for key in data):
        raise FastgenError(f"`{path}` is not a map of answers", "write lines such as `cache: none`")
    origin = {"_commit", "_src_path"}
    return {key: Given(value, str(path)) for key, value in data.items() if key not in origin}


def _read_json(path: Path, text: str) -> object:
    def pairs(found: list[tuple[str, object]]) -> dict[str, object]:
        for key, _ in found:
            if [name for name, _ in found].count(key) > 1:
                raise _duplicate(path, key)
        return dict(found)

    try:
        return json.loads(text, object_pairs_hook=pairs)
    except (ValueError, RecursionError) as error:
        raise FastgenError(f"`{path}` is not JSON: {error}") from error


def _read_yaml(path: Path, text: str) -> object:
    import yaml

    class Loader(yaml.SafeLoader):
        """A loader that refuses a key that stands twice."""

        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> Any:  # noqa: ANN401 - yaml's
            keys = [key.value for key, _ in node.value]
            for key in keys:
                if keys.count(key) > 1:
                    raise _duplicate(path, str(key))
            return super().construct_mapping(node, deep)

    try:
        # The loader is a SafeLoader that refuses more.
        return yaml.load(text, Loader=Loader)  # noqa: S506
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise FastgenError(f"`{path}` is not YAML: {reason}") from error


def _duplicate(path: Path, key: str) -> FastgenError:
    return FastgenError(f"`{path}` answers `{key}` twice", "keep one")
