"""Every combination, statically: what is rendered is clean, whole and without trace of the rest."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
import yaml
from combinations import Rendered, Renderer, all_pairs, checked, named, rendered, working_tree

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

OWN = "lint.isort.known-first-party = ['app', 'loadtest']"

JINJA = re.compile(r"(?<!\$)\{\{|\{%|\{#")
OWN_BRACES = {"justfile", "README.md", "service.json"}
"""Files whose own language has double braces."""


@cache
def every_file() -> dict[tuple[str, bytes], str]:
    """Each different file, and the first combination that gave it."""
    found: dict[tuple[str, bytes], str] = {}
    for one in rendered():
        for path, content in one.files.items():
            found.setdefault((path, content), one.name)
    return found


def texts(*suffixes: str) -> Iterator[tuple[str, str, str]]:
    """Path, text and combination of the different files with these suffixes."""
    for (path, content), name in every_file().items():
        if path.endswith(suffixes):
            yield path, content.decode(), name


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


@pytest.fixture(scope="module")
def shelves(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """All different files on disk, each below a project root; and which combination gave each."""
    base = tmp_path_factory.mktemp("shelves")
    origin: dict[str, str] = {}
    manifest = next(one.files["pyproject.toml"] for one in rendered())
    for (path, content), name in every_file().items():
        if path == "pyproject.toml" or (path.endswith("__init__.py") and not content.strip()):
            continue
        number = 0
        while (base / str(number) / path).is_file() and (base / str(number) / path).stat().st_size:
            number += 1
        target = base / str(number) / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        (target.parents[len(Path(path).parts) - 1] / "pyproject.toml").write_bytes(manifest)
        # Without them ruff would not know `app` as the project's own package.
        for folder in (base / str(number) / "app", target.parent):
            folder.mkdir(exist_ok=True)
            if "app" in folder.relative_to(base).parts:
                (folder / "__init__.py").touch()
        origin[f"{number}/{path}"] = name
    return base, origin


@pytest.mark.parametrize(
    "command",
    [
        # A shelf lacks the modules that are the same everywhere; ruff would ask the disk for them.
        ("check", "--ignore=D104", "--output-format=concise", "--config", OWN),
        ("format", "--check"),
    ],
)
def test_python_is_clean_as_rendered(
    shelves: tuple[Path, dict[str, str]], command: tuple[str, ...]
) -> None:
    base, origin = shelves
    done = subprocess.run(
        [sys.executable, "-m", "ruff", *command, "--no-cache", "."],
        cwd=base,
        capture_output=True,
        text=True,
        check=False,
    )
    named_lines = [
        f"{line}   [{origin[found[0]]}]"
        for line in done.stdout.splitlines()
        if (found := [path for path in origin if path in line])
    ]
    assert done.returncode == 0, "\n".join(named_lines) or done.stdout + done.stderr


def test_documents_parse() -> None:
    readers: dict[tuple[str, ...], Callable[[str], object]] = {
        (".toml",): tomllib.loads,
        (".yml", ".yaml"): lambda text: list(yaml.safe_load_all(text)),
        (".json",): json.loads,
    }
    for suffixes, read in readers.items():
        for path, text, name in texts(*suffixes):
            try:
                read(text)
            except (ValueError, yaml.YAMLError) as error:
                pytest.fail(f"{path} [{name}]: {error}")


def test_no_jinja_is_left() -> None:
    for (path, content), name in every_file().items():
        if Path(path).name not in OWN_BRACES and ".github" not in path:
            found = JINJA.search(content.decode())
            assert not found or path.endswith(".py"), f"{path} [{name}]: {found}"


def test_no_file_is_empty_or_ends_in_blank_lines() -> None:
    allowed = {"__init__.py", ".gitkeep"}
    for (path, content), name in every_file().items():
        where = f"{path} [{name}]"
        assert content.strip() or Path(path).name in allowed, where
        assert not content or content.endswith(b"\n"), where
        assert not content.endswith(b"\n\n"), where
        assert b"\n\n\n" not in content or path.endswith((".py", ".mako")), where
        assert not re.search(rb"[ \t]\n", content), where


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
