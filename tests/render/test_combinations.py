"""Every combination, statically: what is rendered is clean, whole and without trace of the rest."""

import ast
import re
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest
from combinations import Rendered, Renderer, all_pairs, checked, named, rendered, working_tree
from static_checks import RUFF, document_problem, ruff_problems, shelved, text_problem

from generator.template import packaged_root

pytestmark = pytest.mark.xdist_group("rendered")
"""One process renders all of them, once."""

IMPORTS = {
    "pydantic_settings": "pydantic-settings",
    "prometheus_client": "prometheus-client",
    "nats": "nats-py",
    "yaml": "pyyaml",
}
"""Modules whose distribution has another name."""

TRANSITIVE = {"pydantic", "pydantic_core", "starlette", "anyio", "opentelemetry"}
"""Parts of FastAPI that its users import; FastAPI pins them itself."""


@cache
def every_file() -> dict[tuple[str, bytes], str]:
    """Each different file, and the first combination that gave it."""
    found: dict[tuple[str, bytes], str] = {}
    for one in rendered():
        for path, content in one.files.items():
            found.setdefault((path, content), one.name)
    return found


@pytest.mark.slow
def test_the_fast_renderer_renders_as_copier_does(tmp_path: Path) -> None:
    for number, answers in enumerate(all_pairs()[:3]):
        target = tmp_path / str(number)
        working_tree(target, answers)
        files = Renderer().render(answers).files
        on_disk = {
            path.relative_to(target).as_posix(): path.read_bytes()
            for path in target.rglob("*")
            if path.is_file() and path.name != ".copier-answers.yml"
        }
        assert on_disk == dict(files)


@pytest.mark.parametrize("command", RUFF)
def test_python_is_clean_as_rendered(command: tuple[str, ...], tmp_path: Path) -> None:
    manifest = next(one.files["pyproject.toml"] for one in rendered())
    files = [(path, content, name) for (path, content), name in every_file().items()]
    origin = shelved(tmp_path, files, manifest)
    assert not ruff_problems(tmp_path, origin, command)


def test_documents_parse() -> None:
    for (path, content), name in every_file().items():
        problem = document_problem(path, content.decode())
        assert not problem, f"{path} [{name}]: {problem}"


def test_nothing_of_the_template_is_left() -> None:
    for (path, content), name in every_file().items():
        problem = text_problem(path, content)
        assert not problem, f"{path} [{name}]: {problem}"


def test_file_names_are_valid_everywhere() -> None:
    for path, _ in every_file():
        assert not re.search(r'[<>:"|?*\\\x00-\x1f]', path), path
        assert all(not part.endswith((" ", ".")) for part in Path(path).parts), path
        assert len(path) < 120, path


@cache
def _imports(text: bytes) -> tuple[str, ...]:
    found: list[str] = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found.extend(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.append(node.module)
    return tuple(found)


def _distribution(module: str, declared: set[str]) -> str:
    """The declared distribution that gives a module: the longest name that fits."""
    dotted = module.replace("_", "-").split(".")
    candidates = ["-".join(dotted[: i + 1]) for i in range(len(dotted))]
    fitting = [name for name in candidates if name in declared]
    return fitting[-1] if fitting else IMPORTS.get(dotted[0], candidates[0])


def _declared(one: Rendered) -> tuple[set[str], set[str]]:
    manifest = tomllib.loads(one.files["pyproject.toml"].decode())
    names = [
        {re.split(r"[\[<>=~!;]", text)[0].lower() for text in requirements}
        for requirements in (
            manifest["project"]["dependencies"],
            [one for group in manifest["dependency-groups"].values() for one in group],
        )
    ]
    return names[0], names[1]


def test_every_import_is_declared() -> None:
    known = set(sys.stdlib_module_names) | {"app", "loadtest", "tests", "conftest"} | TRANSITIVE
    for one in rendered():
        runtime, development = _declared(one)
        local = {Path(path).stem for path in one.files if path.endswith(".py")}
        for path, content in one.files.items():
            if not path.endswith(".py"):
                continue
            allowed = runtime if path.startswith("app/") else runtime | development
            for module in _imports(content):
                if module.split(".")[0] in known | local:
                    continue
                assert _distribution(module, allowed) in allowed, f"{path}: {module} [{one.name}]"


def test_unchosen_layers_leave_no_trace() -> None:
    """Packages that only layers bring that are off are named nowhere."""
    for one in rendered():
        runtime, development = _declared(one)
        absent = set(one.answers["versions"]) - runtime - development - {"hatchling"}
        words = {name.split("[")[0] for name in absent if len(name) > 5}
        for path in ("pyproject.toml", "Dockerfile", "app/settings.py", "app/components.py"):
            text = one.files.get(path, b"").decode().lower()
            for word in words:
                assert not re.search(rf"\b{re.escape(word)}\b", text), (
                    f"{path}: {word} [{one.name}]"
                )


def test_variables_of_the_example_file_are_settings() -> None:
    """Every section that `.env.example` names is a field of the settings of that project."""
    for one in rendered():
        settings = one.files["app/settings.py"].decode()
        for name in re.findall(
            r"^(?:# )?APP_([A-Z0-9_]+)=", one.files[".env.example"].decode(), re.M
        ):
            section = name.removeprefix("TEST_").split("__")[0].lower()
            assert re.search(rf"^    {section}: ", settings, re.M), f"{name} [{one.name}]"


def test_conditional_lines_are_few() -> None:
    """Less than 3 % of the templates' lines decide: the folders do that."""
    lines = decisions = 0
    for path in (packaged_root() / "templates").rglob("*"):
        if path.is_file() and "_shared" not in path.parts:
            text = path.read_text(encoding="utf-8", errors="ignore")
            lines += text.count("\n")
            decisions += len(re.findall(r"\{%-? *(?:if|elif|else|endif)", text))
    assert decisions / lines < 0.03, f"{decisions} of {lines}"


def test_defaults_are_named_defaults() -> None:
    assert named(checked({}) or {}) == "defaults"
