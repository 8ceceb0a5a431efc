"""Every template file in every combination of the answers that it really depends on.

What a file depends on is found by rendering it with notes of what it reads. Each note is traced back to
questions, all valid answers to these are worked through, and those that give the file the same to read
are one combination. A rendering that reads something new starts its file anew, until none does: then
nothing is left that could change the text.

Numbers and free texts have no end: `PROFILES` stand for them.
"""

import itertools
import math
import re
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path, PurePosixPath
from typing import Any

from combinations import ROOT, SAMPLES, SUFFIX, Answers, Renderer, catalog, checked, values
from covering import Seen, joined, pairwise, triples
from jinja2 import TemplateError
from jinja2.meta import find_undeclared_variables
from reading import Reader, Reads, from_yaml

from generator.answers import PRESET, Evaluation, Given, resolve
from generator.errors import FastgenError
from generator.questions import Question

LAYERS = "templates/_shared/layers.jinja"
SIZING = "templates/_shared/sizing/given.jinja"
VALIDATORS = "templates/_shared/validate.jinja"
PROFILES: dict[str, Answers] = {
    "default": {"project_name": "demo"},
    "small": {
        "project_name": "a" * 24 + "-" + "b" * 25,
        "description": 'Says "hello" \\ $HOME, | # 日本',
        "author_name": 'Ada "The Countess" Lovelace',
        "author_email": "ada@example.com",
        "cpus": 0.5,
        "memory_mb": 512,
        "replicas": 1,
        "db_max_connections": 60,
        "target_p95_ms": 1,
        "target_rps": 1,
        "target_error_rate": 0.001,
    },
    "large": {
        "project_name": "x",
        "author_name": "Ada",
        "cpus": 8,
        "memory_mb": 32768,
        "replicas": 12,
        "db_max_connections": 5000,
        "workload": "realtime",
        "worker_formula": "2n+1",
        "target_p95_ms": 60000,
        "target_rps": 1000000,
        "target_error_rate": 50,
        "per_environment": True,
        "staging_replicas": 1,
    },
}
"""Texts and numbers at both ends and between. What a platform or a database refuses is left out."""
SCOPES = ("service", "deploy")
SIZE = ("cpus", "memory_mb", "replicas", "staging_replicas", "db_max_connections")

SIZED_BY = ("scope", "db_driver", "queue", "server", "pgbouncer", "deployment", "artefacts")
"""Answers that decide which sizes are refused."""


PLATFORMS = ("cloudrun", "fly", "ecs", "render", "railway", "azure")
NUMBERS = {
    "numbers of the database": "{{ db_driver not in ['none', 'aiosqlite'] }}",
    "numbers of the queue": "{{ queue != 'background' }}",
    "numbers of the pooler": "{{ pgbouncer and true }}",
}
"""What decides which numbers a plan has, as the conditions of layers are written."""
MOST_STATES = 20_000
MOST_LAYERS = 50
"""Beyond either of the two a file depends on nearly everything."""
SETS = ("chosen", "deployment", "artefacts", "platforms")
"""Names in the layers' conditions of answers with several choices, and of what is taken from them."""


@dataclass(frozen=True)
class Limits:
    """How many combinations of one file are all tried; of more, see `Space.rows`."""

    combinations: int
    together: int
    """Combinations of answers that belong together; of more, those that have every three of them."""


DAY = Limits(combinations=1_500, together=400)
"""Nine files in ten in whole, in a minute of two processors."""
NIGHT = Limits(combinations=150_000, together=5_000)
"""All but the README, which depends on nearly everything."""


class Thinned(list[Answers]):
    """Some members of a group that has too many."""


class TooManyError(Exception):
    """A file depends on nearly everything: the README."""


class Logic:
    """The template's expressions, each worked out once for the same values of what it names."""

    def __init__(self) -> None:
        """Read the layers' conditions."""
        self.evaluation = Evaluation(catalog())
        source = (ROOT / LAYERS).read_text(encoding="utf-8")
        self.layers = {scope: dict(_conditions(source, scope)) | NUMBERS for scope in SCOPES}
        self._results: dict[tuple[Any, ...], Any] = {}
        self._names: dict[str, frozenset[str]] = {}
        self._sorted: dict[str, tuple[str, ...]] = {}

    def names(self, text: object) -> frozenset[str]:
        """The questions that an expression names."""
        if not isinstance(text, str) or "{" not in text:
            return frozenset()
        if text not in self._names:
            tree = self.evaluation.environment.parse(text)
            self._names[text] = frozenset(
                find_undeclared_variables(tree) & set(catalog().questions)
            )
            self._sorted[text] = tuple(sorted(self._names[text]))
        return self._names[text]

    def on(self, layer: str, answers: Answers) -> bool:
        """Tell whether a layer is on."""
        text = self.layers[answers["scope"]][layer]
        return bool(
            self._result("on", text, answers, lambda: self.evaluation.render(text) == "True")
        )

    def applies(self, question: Question, answers: Answers) -> bool:
        """Tell whether a question is asked."""
        asked = partial(self.evaluation.applies, question)
        return bool(self._result("when", question.when, answers, asked))

    def default(self, question: Question, answers: Answers) -> Any:  # noqa: ANN401 - typed by the question
        """The answer that the template proposes."""
        proposed = partial(self.evaluation.default, question)
        return self._result(question.key, question.default, answers, proposed)

    def refuses(self, question: Question, answers: Answers) -> bool:
        """Tell whether the answer to a question is refused."""
        problem = partial(self.evaluation.problem, question, answers[question.key])
        return bool(self._result("validator", question.validator, answers, problem))

    def feature(self, layer: str, answers: Answers) -> list[dict[str, Any]]:
        """The data of a layer."""
        text = feature_text(layer)
        found: list[dict[str, Any]] = self._result(
            "feature", text, answers, lambda: from_yaml(str(self.evaluation.render(text))) or []
        )
        return found

    def plan(self, answers: Answers) -> Any:  # noqa: ANN401 - as the template makes it
        """The sizing."""
        question = catalog().questions["plan"]
        given = (ROOT / SIZING).read_text(encoding="utf-8")
        return self._result("plan", given, answers, partial(self.evaluation.default, question))

    def _result(self, kind: str, text: Any, answers: Answers, work: Callable[[], Any]) -> Any:  # noqa: ANN401 - of any type
        self.names(text)
        key = (kind, text, *map(_hashable, map(answers.get, self._sorted.get(text, ()))))
        if key not in self._results:
            self.evaluation.context = answers
            self._results[key] = work()
        return self._results[key]


def _hashable(value: object) -> object:
    return str(value) if isinstance(value, list | dict) else value


def _conditions(source: str, scope: str) -> Iterator[tuple[str, str]]:
    """Each layer's condition in one scope as a template of its own, with the definitions that it needs."""
    imports = "".join(re.findall(r"{% from .* %}\n", source))
    sets = dict(re.findall(r"{% set (\w+) = (.*) %}\n", source))
    sets["chosen"] = "deployment" if scope == "service" else "artefacts"
    never = {"service"} if scope == "deploy" else set()
    for name, definition in sets.items():
        if definition.split(" and ")[0] in never:
            never.add(name)
    for name, condition in re.findall(r"{'name': '(\w+)', .*'on': (.*)},\n", source):
        needed, text = "", condition
        if set(re.split(r" and (?![^(]*\))", condition)) & never:
            yield name, "False"
            continue
        for other, definition in reversed(sets.items()):
            if re.search(rf"\b{other}\b", text):
                needed, text = (
                    f"{{% set {other} = {definition} %}}\n" + needed,
                    f"{text} {definition}",
                )
        yield name, f"{imports}{needed}{{{{ {condition} }}}}"


@cache
def feature_text(layer: str) -> str:
    """The file with a layer's data; empty for a layer without."""
    path = ROOT / "templates" / f"{{{{on.{layer}}}}}" / "feature.yml"
    return path.read_text(encoding="utf-8") if path.is_file() else ""


@cache
def having_slot(name: str) -> frozenset[str]:
    """The layers that fill a slot."""
    paths = (ROOT / "templates").glob(f"*/_slots/{name}")
    return frozenset(path.parts[-3].removeprefix("{{on.").removesuffix("}}") for path in paths)


@cache
def decisive_texts(question: Question) -> tuple[str, ...]:
    """What decides whether a question is asked, what its default is and what is refused."""
    validators = (ROOT / VALIDATORS).read_text(encoding="utf-8")
    macros = re.findall(r"{% macro (\w+)\((.*?){%-? endmacro %}", validators, re.S)
    texts = [str(question.when), str(question.default), str(question.validator)]
    called = [body for name, body in macros if name in texts[2]]
    return (*texts, *called)


class Space:
    """The answers that a template file can tell apart."""

    def __init__(self, logic: Logic, limits: Limits) -> None:
        """Trace through the expressions of `logic`."""
        self.logic = logic
        self.limits = limits
        enumerable = {q.key for q in catalog().asked if q.choices or q.type == "bool"}
        taken = {key for profile in PROFILES.values() for key in profile}
        self.enumerable = enumerable - taken - {"scope"} | set(SAMPLES)
        self._known: dict[tuple[Any, ...], list[Answers]] = {}
        self._classes: dict[tuple[Any, ...], list[tuple[str, ...]]] = {}

    def rows(self, layer: str, reads: Reads) -> tuple[list[Answers], bool]:
        """Answers for each different thing that a file of `layer` can read, and whether these are all.

        Answers that nothing decides about together are groups. All their products are tried up to
        the limit. Beyond that every member of a group meets every member of another one. The same
        holds for the profiles of numbers and texts beside the default.
        """
        layers, names = self.layers(layer, reads), self._names(layer, reads)
        found, complete = list[Answers](), True
        profiles: list[Answers] = [{"profile": name} for name in PROFILES]
        for scope in SCOPES:
            try:
                if len(layers) > MOST_LAYERS:
                    raise TooManyError
                groups = [[{"scope": scope}], *self._groups_of(layer, layers, names, scope)]
            except TooManyError:
                return [], False
            complete = complete and not any(isinstance(group, Thinned) for group in groups)
            if math.prod(map(len, groups)) <= self.limits.combinations:
                found += map(joined, itertools.product(profiles[:1], *groups))
            else:
                complete = False
            if all(groups):
                found += pairwise([profiles, *groups])
        return found, complete

    def _groups_of(
        self, layer: str, layers: list[str], names: frozenset[str], scope: str
    ) -> list[list[Answers]]:
        """The same for each group of questions that have to do with each other."""
        conditions = {one: self.logic.names(self.logic.layers[scope][one]) for one in layers}
        questions = self._closed(names.union(*conditions.values()))
        members = self._members(layers, questions, scope)
        parts: list[list[Answers]] = []
        for group in self._groups(questions, conditions):
            own = [one for one in layers if conditions[one] & group]
            key = (
                *sorted(group),
                *own,
                *sorted(names & group),
                *sorted(members),
                scope,
                layer in own and layer,
            )
            if key not in self._known:
                self._known[key] = self._distinct(
                    [q for q in questions if q.key in group],
                    own,
                    names & group,
                    members,
                    scope,
                    layer,
                )
            parts.append(self._known[key])
        if conditions[layer] <= {"scope"} and not self.logic.on(layer, {"scope": scope}):
            return [[]]
        return sorted(parts, key=len, reverse=True)

    def _distinct(
        self,
        questions: list[Question],
        layers: list[str],
        names: frozenset[str],
        members: frozenset[str],
        scope: str,
        own: str,
    ) -> list[Answers]:
        """One set of answers for each that the layers and the names tell apart.

        Question by question: what is equal so far, and in all that later questions and layers look
        at, goes on as one.
        """
        conditions = {one: self.logic.layers[scope][one] for one in layers}
        texts = [*conditions.values(), *(text for q in questions for text in decisive_texts(q))]
        decided = {
            layer: max(i for i, q in enumerate(questions) if q.key in self.logic.names(text))
            for layer, text in conditions.items()
        }
        states: dict[Seen, Answers] = {((), ()): {"scope": scope, "project_name": "demo"}}
        for position, question in enumerate(questions):
            later = [text for one, text in conditions.items() if decided[one] > position]
            live = names.union(
                self._looked_at(questions[position + 1 :]), *map(self.logic.names, later)
            )
            shown = [one.key for one in questions[: position + 1] if one.key in live]
            domain = self._domain(question, members, None if question.key in names else texts)
            answered = partial(self._answered, question, domain)
            now = [layer for layer in layers if decided[layer] == position]
            states = self._merged(states, answered, now, shown, own)
            if len(states) > MOST_STATES:
                raise TooManyError
        keys = [one.key for one in questions]
        found = {seen: {key: answers[key] for key in keys} for seen, answers in states.items()}
        if len(found) <= self.limits.together:
            return list(found.values())
        return Thinned(triples(found))

    def _merged(
        self,
        states: Mapping[Seen, Answers],
        answered: Callable[[Answers], Iterable[Answers]],
        layers: list[str],
        shown: list[str],
        own: str,
    ) -> dict[Seen, Answers]:
        """Answer one more question, which decides about `layers`; those that show the same are one."""
        found: dict[Seen, Answers] = {}
        for (flags, _), answers in states.items():
            for more in answered(answers):
                if own not in layers or self.logic.on(own, more):
                    on = (*flags, *(self.logic.on(layer, more) for layer in layers))
                    found.setdefault((on, tuple(map(_hashable, map(more.get, shown)))), more)
        return found

    def _looked_at(self, questions: list[Question]) -> frozenset[str]:
        return frozenset().union(*map(self._named, questions))

    def _answered(
        self, question: Question, domain: list[Any], answers: Answers
    ) -> Iterator[Answers]:
        """The answers with each valid one to one more question."""
        if not self.logic.applies(question, answers):
            yield answers | {question.key: self.logic.default(question, answers)}
            return
        for value in domain:
            more = answers | {question.key: value}
            if question.key in SAMPLES or not self.logic.refuses(question, more):
                yield more

    def _groups(
        self, questions: list[Question], conditions: Mapping[str, frozenset[str]]
    ) -> list[frozenset[str]]:
        """The questions, together where a condition or a question names several."""
        together = [names & {q.key for q in questions} for names in conditions.values()]
        together += [self._named(question) | {question.key} for question in questions]
        groups: list[frozenset[str]] = []
        for names in together:
            if names:
                joined = names.union(*(one for one in groups if one & names))
                groups = [one for one in groups if not one & names] + [joined]
        return groups

    def _named(self, question: Question) -> frozenset[str]:
        texts = (question.when, question.default, question.validator)
        return frozenset().union(*map(self.logic.names, texts)) & self.enumerable

    def layers(self, layer: str, reads: Reads) -> list[str]:
        """The layers that can change what a file of `layer` reads."""
        found = {layer, *reads.layers & set(self.logic.layers["service"])}
        if reads.numbers & optional_numbers():
            found |= set(NUMBERS)
        for slot in reads.slots:
            found |= having_slot(slot)
        for one in self._with_keys(reads):
            found |= {one, *re.findall(r"\bon\.get\('(\w+)'\)", feature_text(one))}
        return sorted(found)

    def _names(self, layer: str, reads: Reads) -> frozenset[str]:
        """The answers that are read as they are, by the file or by the data of layers."""
        names = set(reads.names)
        for one in self._with_keys(reads):
            names |= self.logic.names(feature_text(one))
        return frozenset(names & self.enumerable)

    def _with_keys(self, reads: Reads) -> list[str]:
        """The layers whose data have a key that is read."""
        wanted = re.compile(rf"^(?:- |  )(?:{'|'.join(reads.keys) or '$.'}):", re.M)
        return [one for one in self.logic.layers["service"] if wanted.search(feature_text(one))]

    def _closed(self, names: frozenset[str]) -> list[Question]:
        """The questions of these names and those that decide about them, in asking order."""
        wanted = set(names & self.enumerable)
        while more := {n for key in wanted for n in self._named(catalog().questions[key])} - wanted:
            wanted |= more
        return [question for question in catalog().asked if question.key in wanted]

    def _domain(
        self, question: Question, members: frozenset[str], texts: list[str] | None
    ) -> list[Any]:
        """The answers that are tried; of those that no text tells apart only one."""
        if question.key in SAMPLES:
            return SAMPLES[question.key]
        if question.multiselect:
            return self._subsets(question, members)
        if texts is None or question.type == "bool":
            return values(question)
        literals = [one for text in texts for one in re.findall(r"\[[^\[\]]*\]|'[^']*'", text)]
        kinds: dict[tuple[bool, ...], Any] = {}
        for value in values(question):
            kinds.setdefault(tuple(f"'{value}'" in literal for literal in literals), value)
        return list(kinds.values())

    def _subsets(self, question: Question, members: frozenset[str]) -> list[tuple[str, ...]]:
        """The subsets of the choices that differ in what is asked of them, the largest of each kind."""
        key = (question.key, members)
        if key not in self._classes:
            choices = [str(choice.value) for choice in question.choices]
            kinds: dict[tuple[Any, ...], tuple[str, ...]] = {}
            for size in range(len(choices), -1, -1):
                for subset in itertools.combinations(choices, size):
                    kind = tuple(member in subset for member in sorted(members))
                    kinds.setdefault((kind, *self._allowed(subset)), subset)
            self._classes[key] = list(kinds.values())
        return self._classes[key]

    def _allowed(self, subset: tuple[str, ...]) -> tuple[bool, ...]:
        """What decides, beside single choices, about other answers: see `deployment_error`."""
        hosted = bool({*PLATFORMS} & set(subset))
        return (hosted, hosted or "kubernetes" in subset)

    def _members(self, layers: list[str], questions: list[Question], scope: str) -> frozenset[str]:
        """The choices of questions with several that the conditions ask for by name."""
        texts = [self.logic.layers[scope][one] for one in layers]
        texts += [str(text) for q in questions for text in (q.when, q.default)]
        return frozenset(
            member
            for text in texts
            for member in re.findall(rf"'(\w+)' in (?:{'|'.join(SETS)})\b", text)
        )


@dataclass(frozen=True)
class Made:
    """One text that a template file gives, and the first combination that gave it."""

    path: str
    text: str
    source: PurePosixPath
    answers: Answers

    @property
    def where(self) -> str:
        """The template file and the combination, for messages."""
        chosen = " ".join(f"{key}={value}" for key, value in self.answers.items())
        return f"{self.path} from templates/{self.source} [{chosen}]"


class Exhaustive:
    """Renders template files in every combination that they can tell apart."""

    def __init__(self, limits: Limits) -> None:
        self.logic = Logic()
        self.space = Space(self.logic, limits)
        self.reader = Reader()
        defaults = Renderer().context(checked({}) or {})
        self.layers: list[dict[str, Any]] = defaults["layers"]
        self.versions: dict[str, str] = defaults["versions"]
        self.reads: dict[PurePosixPath, Reads] = {}
        self.complete: dict[PurePosixPath, bool] = {}
        self._fitting: dict[tuple[str, ...], Answers] = {}
        self.combinations: Counter[PurePosixPath] = Counter()
        self.texts: dict[tuple[PurePosixPath, str, str], Made] = {}

    def run(self, sources: Iterable[PurePosixPath]) -> list[Made]:
        """Render until no rendering reads what was not known before."""
        self.reads |= {source: Reads() for source in sources}
        changed, done = set(self.reads), set[tuple[PurePosixPath, str]]()
        while changed:
            wanted: dict[str, tuple[Answers, list[PurePosixPath]]] = {}
            for source in sorted(changed):
                rows, self.complete[source] = self.space.rows(layer_of(source), self.reads[source])
                for answers in rows:
                    key = str(sorted(answers.items()))
                    if (source, key) not in done:
                        done.add((source, key))
                        wanted.setdefault(key, (answers, []))[1].append(source)
            changed = {
                source
                for answers, sources in wanted.values()
                for source in self._render(answers, sources)
            }
        return list(self.texts.values())

    def _render(self, answers: Answers, sources: list[PurePosixPath]) -> Iterator[PurePosixPath]:
        """Render some files with the same answers; give those that read something new."""
        context = self.context(answers)
        for source in sources:
            if not context["on"][layer_of(source)]:
                continue
            try:
                text, reads = self.reader.render(f"templates/{source}", context)
            except TemplateError as error:
                raise AssertionError(
                    f"{_place(error)}: {error} [templates/{source} {answers}]"
                ) from error
            self.combinations[source] += 1
            path = self._path(source, context)
            self.texts.setdefault((source, path, text), Made(path, text, source, answers))
            if self.reads[source].add(reads):
                yield source

    def compared(self, context: Answers) -> list[PurePosixPath]:
        """The files of a project whose texts are all known: in every combination, without numbers."""
        return [
            source
            for source, reads in self.reads.items()
            if self.complete[source]
            and context["on"][layer_of(source)]
            and "plan" not in reads.names
        ]

    def _path(self, source: PurePosixPath, context: Answers) -> str:
        parts = [str(self.logic.evaluation.render(part)) for part in source.parts[1:]]
        return PurePosixPath(*parts).as_posix().removesuffix(SUFFIX)

    def context(self, answers: Answers) -> Answers:
        """All answers, the computed ones too."""
        context: Answers = self._complete(answers)
        switched = [one | {"on": self.logic.on(one["name"], context)} for one in self.layers]
        on = [one["name"] for one in switched if one["on"]]
        context |= {
            "layers": switched,
            "on": {one["name"]: "." if one["on"] else "" for one in switched},
            "versions": self.versions,
        }
        context["features"] = [one for name in on for one in self.logic.feature(name, context)]
        context["plan"] = self.logic.plan(context)
        self.logic.evaluation.context = context
        return context

    def _complete(self, answers: Answers) -> Answers:
        """What is not chosen is as the profile has it, or as the template proposes it."""
        chosen = {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in answers.items()
            if key != "profile"
        }
        deciding = (answers["profile"], *(str(chosen.get(key)) for key in SIZED_BY))
        if deciding not in self._fitting:
            self._fitting[deciding] = self._fitting_profile(answers["profile"], chosen)
        given, complete = self._fitting[deciding] | chosen, {"scope": chosen["scope"]}
        for question in catalog().asked:
            taken = question.key in given and self.logic.applies(question, complete)
            complete[question.key] = (
                given[question.key] if taken else self.logic.default(question, complete)
            )
        return complete

    def _fitting_profile(self, profile: str, chosen: Answers) -> Answers:
        """The profile without the sizes that are refused beside these answers."""
        for left_out in ((), SIZE[2:4], SIZE[:2], SIZE):
            sizes = {k: v for k, v in PROFILES[profile].items() if k not in left_out}
            known = {key: Given(value, PRESET) for key, value in (sizes | chosen).items()}
            with suppress(FastgenError):
                resolve(catalog(), known, scope=chosen["scope"])
                return sizes
        raise AssertionError(f"these answers are refused: {chosen}")


def _place(error: Exception) -> str:
    """File and line of the innermost template."""
    frames = traceback.extract_tb(error.__traceback__)
    places = [one for one in frames if "/templates/" in one.filename]
    return f"{Path(places[-1].filename).relative_to(ROOT)}:{places[-1].lineno}" if places else "?"


def layer_of(source: PurePosixPath) -> str:
    """The layer that a template file belongs to."""
    return source.parts[0].removeprefix("{{on.").removesuffix("}}")


@cache
def optional_numbers() -> frozenset[str]:
    """Numbers that not every plan has."""
    kinds = ({"db_driver": "none"}, {"db_driver": "asyncpg", "pgbouncer": True, "queue": "taskiq"})
    few, many = (
        {
            name
            for one in Renderer().context(checked(kind) or {})["plan"]["environments"].values()
            for name in one["numbers"]
        }
        for kind in kinds
    )
    return frozenset(few ^ many)
