"""`fastgen generate` on layouts of public repositories (docs/generate-results.md), rebuilt small."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from artefacts import run, tool
from command import Inside

MAIN = "from fastapi import FastAPI\n\napp = FastAPI()\n"
ROUTER = "from fastapi import APIRouter\n\nrouter = APIRouter()\n"
PROJECT = '[project]\nname = "shop"\nrequires-python = ">=3.12"\ndependencies = [\n'

Read = Callable[..., dict[str, Any]]
Write = Callable[[dict[str, str]], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write the files of a project named `shop`."""

    def written(files: dict[str, str]) -> Path:
        for name, text in files.items():
            path = tmp_path / "shop" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        return tmp_path / "shop"

    return written


@pytest.fixture
def read(inside: Inside) -> Read:
    """Ask `generate` for files and what was detected."""

    def asked(*arguments: str, project: str = "shop") -> dict[str, Any]:
        options = ("--json", "--dry-run", "--project", project)
        names = arguments if arguments and not arguments[0].startswith("-") else ("gunicorn",)
        extra = () if names is arguments else arguments
        done = inside("generate", *names, *extra, *options)
        assert done.returncode == 0, done.stderr
        document: dict[str, Any] = json.loads(done.stdout)
        document["values"] = {one["key"]: one["value"] for one in document["detected"]}
        document["places"] = {one["key"]: one["place"] for one in document["detected"]}
        document["texts"] = {one["path"]: one["content"] for one in document["files"]}
        document["told"] = "\n".join(document["notes"])
        return document

    return asked


@pytest.mark.slow
def test_member_of_a_uv_workspace(write: Write, read: Read) -> None:
    write(
        {
            "pyproject.toml": '[tool.uv.workspace]\nmembers = ["backend", "packages/*"]\n',
            "uv.lock": "",
            "backend/pyproject.toml": f'{PROJECT}"shop-core",\n"psycopg[binary]>=3",\n]\n',
            "packages/core/pyproject.toml": (
                '[project]\nname = "shop_core"\ndependencies = ["fastapi[standard]"]\n'
            ),
            "backend/app/__init__.py": "",
            "backend/app/main.py": MAIN,
        }
    )
    found = read("dockerfile")
    assert found["values"]["uv_package"] == "shop"
    assert found["places"]["db_driver"] == "backend/pyproject.toml:6"
    assert found["values"]["add_server"] is False
    dockerfile = found["texts"]["Dockerfile"]
    assert "uv sync --frozen --no-dev --no-install-workspace --package shop" in dockerfile
    assert "uv sync --locked --no-dev --package shop" in dockerfile
    below = read("dockerfile", project="shop/backend")
    assert "uv.lock is the lock of the workspace above" in below["told"]


def test_parts_that_another_file_mounts_are_not_the_application(write: Write, read: Read) -> None:
    write(
        {
            "shop/__init__.py": "",
            "shop/admin/__init__.py": MAIN,
            "shop/links/app.py": MAIN,
            "shop/app.py": "from shop.admin import app as admin\nfrom shop.links.app import app as links\n"
            "from fastapi import FastAPI\n\ndef create() -> FastAPI:\n    app = FastAPI()\n"
            '    app.mount("/admin", admin)\n    app.host("x.example.com", app=links)\n    return app\n'
            "\napp = create()\n",
        }
    )
    assert read()["values"]["app_path"] == "shop.app:app"


def test_routes_behind_factories_routers_and_settings(write: Write, read: Read) -> None:
    write(
        {
            "app/__init__.py": "",
            "app/main.py": "from app.factory import make\nfrom app.views import api\n"
            "from fastapi import FastAPI\nfrom app.config import settings\n"
            "application: FastAPI = make()\napplication.include_router(api, prefix=settings.PREFIX)\n",
            "app/config.py": 'class Settings:\n    PREFIX: str = "/v1"\nsettings = Settings()\n',
            "app/factory.py": "from fastapi import FastAPI\nfrom .extra import router as extra\n"
            "def make() -> FastAPI:\n    made = FastAPI()\n    made.include_router(extra)\n    return made\n",
            "app/extra.py": f'{ROUTER}@router.get("/extra")\ndef extra(): ...\n',
            "app/views/__init__.py": "from app.views.all import api\n",
            "app/views/all.py": "from fastapi import APIRouter\nfrom . import items, state\n"
            'api = APIRouter()\napi.include_router(items.router, prefix="/items")\n'
            'api.include_router(state.router, prefix=f"{items.BASE}")\n',
            "app/views/items.py": f'BASE = "/state"\n{ROUTER}@router.get("/")\ndef many(): ...\n',
            "app/views/state.py": f'{ROUTER}@router.get("/health")\ndef health(): ...\n',
            "other/views/items.py": f'{ROUTER}@router.get("/wrong")\ndef many(): ...\n',
        }
    )
    found = read("loadtest")
    assert found["values"]["health_path"] == "/v1/state/health"
    assert found["places"]["health_path"] == "app/views/state.py:4"
    assert found["values"]["load_paths"] == "/v1/items/ /v1/state/health /extra"


@pytest.mark.slow
def test_routes_that_ask_for_a_person_are_left_out(write: Write, read: Read) -> None:
    head = (
        "from typing import Annotated\nfrom fastapi import Depends, FastAPI, Query, Request\n"
        "from fastapi.security import OAuth2PasswordBearer\n"
        "app = FastAPI()\nscheme = OAuth2PasswordBearer(tokenUrl='t')\n"
        "def session(): ...\ndef user(token: Annotated[str, Depends(scheme)]): ...\n"
        "Session = Annotated[object, Depends(session)]\nUser = Annotated[object, Depends(user)]\n"
    )
    routes = (
        '@app.get("/open")\ndef a(request: Request, session: Session): ...\n'
        '@app.get("/mine")\ndef b(user: User): ...\n'
        '@app.get("/found")\ndef c(q: str = Query(...)): ...\n'
        '@app.get("/closed", dependencies=[Depends(user)])\ndef d(): ...\n'
        'class View:\n    @app.get("/view")\n    def e(self): ...\n'
        '@app.get("/healthz")\ndef f(session: Session): ...\n'
    )
    write({"main.py": head + routes})
    found = read("loadtest")
    assert found["values"]["load_paths"] == "/open /healthz"
    assert "/healthz (main.py:21) has parameters" in found["told"]


def test_requirements_of_the_application_and_what_they_include(write: Write, read: Read) -> None:
    write(
        {
            "requirements.txt": "ruff\n",
            "requirements-dev.txt": "aiosqlite\n",
            "service/requirements/prod.txt": "-r base.txt\nuvicorn\n",
            "service/requirements/base.txt": "fastapi\nmotor\n",
            "service/main.py": MAIN,
        }
    )
    found = read("dockerfile")
    files = ["service/requirements/prod.txt", "service/requirements/base.txt"]
    assert found["values"]["requirements_files"].split() == files
    assert found["values"]["db_driver"] == "none"
    assert "motor (service/requirements/base.txt:2) needs MongoDB" in found["told"]
    dockerfile = found["texts"]["Dockerfile"]
    assert all(f"source={name},target={name}" in dockerfile for name in files)
    assert f"uv pip install --requirements {files[0]}" in dockerfile


def test_requirements_that_install_the_project_itself(write: Write, read: Read) -> None:
    write({"main.py": MAIN, "requirements.txt": "-e .\nfastapi\nuvicorn\n"})
    dockerfile = read("dockerfile")["texts"]["Dockerfile"]
    assert dockerfile.index("COPY . .") < dockerfile.index("--requirements requirements.txt")


def test_pipfile(write: Write, read: Read) -> None:
    packages = '[packages]\nfastapi = {extras = ["standard"], version = "*"}\npsycopg2 = "*"\n'
    pinned = '[requires]\npython_version = "3.12"\n'
    write({"main.py": MAIN, "Pipfile": packages + pinned, "Pipfile.lock": "{}"})
    found = read("dockerfile")
    assert found["places"]["db_driver"] == "Pipfile:3"
    assert found["values"]["add_server"] is False
    assert found["values"]["python_version"] == "3.12"
    assert "install --yes --no-install-recommends gcc" in found["texts"]["Dockerfile"]


def test_nothing_to_install_from_is_told_with_the_folder(inside: Inside, write: Write) -> None:
    files = {"backend/src/main.py": MAIN, "backend/pdm.lock": ""}
    root = write({**files, "backend/pyproject.toml": f'{PROJECT}"fastapi",\n]\n'})
    (root / "pyproject.toml").write_text("[tool.ruff]\nline-length = 99\n")
    ended = inside("generate", "dockerfile", "--project", "shop")
    assert ended.returncode == 2
    assert "to install the image's packages from" in ended.stderr
    assert f"`--project {root / 'backend'}`" in ended.stderr
    assert not (root / "Dockerfile").exists()
    assert inside("generate", "nginx", "--project", "shop", "--dry-run").returncode == 0
    assert inside("generate", "dockerfile", "--project", "shop/backend").returncode == 0


@pytest.mark.parametrize(
    ("files", "version", "said"),
    [
        ({"Dockerfile": "FROM docker.io/python:3.12.1-slim AS x\n"}, "3.12", ""),
        ({"docker/Dockerfile": "FROM python:3.9\n"}, "3.11", "Python 3.9 (docker/Dockerfile:1)"),
        ({"runtime.txt": "python-3.14.1\n"}, "3.14", ""),
        ({"pyproject.toml": '[project]\nrequires-python = "~3.11"\n'}, "3.11", ""),
        ({"pyproject.toml": '[project]\nrequires-python = "<3.11"\n'}, "3.11", "no image has"),
    ],
)
def test_python_of_the_project(
    write: Write, read: Read, files: dict[str, str], version: str, said: str
) -> None:
    write({"main.py": MAIN, **files})
    found = read()
    assert found["values"]["python_version"] == version
    assert said in found["told"]


def test_optional_packages_are_not_installed(write: Write, read: Read) -> None:
    packages = (
        '[tool.poetry]\nname = "shop"\n[tool.poetry.dependencies]\nfastapi = "*"\n'
        'psycopg2-binary = { version = "*", optional = true }\nuvicorn = "*"\n'
    )
    write({"main.py": MAIN, "poetry.lock": "", "pyproject.toml": packages})
    assert read()["values"]["db_driver"] == "none"


def test_databases_and_other_servers(write: Write, read: Read) -> None:
    listed = '"fastapi",\n"sqlalchemy[aiomysql]",\n"asyncpg",\n"redis[hiredis]",\n"celery",\n]\n'
    write({"main.py": MAIN, "uv.lock": "", "pyproject.toml": PROJECT + listed})
    found = read()
    assert found["values"]["db_driver"] == "asyncpg"
    assert found["values"]["cache"] == "redis"
    assert "MySQL by sqlalchemy[aiomysql] (pyproject.toml:6)" in found["told"]
    assert "redis (pyproject.toml:8) needs Redis" in found["told"]
    assert "celery (pyproject.toml:9) has workers of its own" in found["told"]


def test_starlette_with_a_list_of_routes(write: Write, read: Read) -> None:
    head = (
        "from starlette.applications import Starlette\nfrom starlette.staticfiles import StaticFiles\n"
        "from starlette.routing import Mount, Route, WebSocketRoute\nimport uvicorn\n"
    )
    routes = (
        "routes = [\n    Route('/', home),\n    Route('/made', make, methods=['POST']),\n"
        "    Mount('/api', routes=[Route('/health', alive)]),\n    WebSocketRoute('/ws', chat),\n"
        "    Mount('/static', app=StaticFiles(directory='statics'), name='static'),\n]\n"
    )
    end = "app = Starlette(routes=routes)\nuvicorn.run(app, port=8123)\n"
    write({"app.py": head + routes + end})
    found = read("loadtest")
    assert found["values"]["load_paths"] == "/ /api/health"
    assert found["values"]["health_path"] == "/api/health"
    assert "static files under /static at app.py:10" in found["told"]
    assert "the folder `statics` at app.py:10 is not in the project's own folder" in found["told"]
    assert "WebSocket at app.py:9" in found["told"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("files", "place"),
    [
        ({"Dockerfile": "FROM x\nEXPOSE 8123\n"}, "Dockerfile:2"),
        (
            {"docker/Dockerfile": "FROM x\nENV A=1 PORT=8123\nEXPOSE ${PORT}\n"},
            "docker/Dockerfile:3",
        ),
        ({"Procfile": "web: gunicorn -b 0.0.0.0:8123 main:app\n"}, "Procfile:1"),
        (
            {"run.py": 'import os, uvicorn\nuvicorn.run("x", port=int(os.getenv("P", "8123")))\n'},
            "run.py:2",
        ),
        ({"run.py": "from granian import Granian\nGranian('x', port=8123).serve()\n"}, "run.py:2"),
    ],
)
def test_port(write: Write, read: Read, files: dict[str, str], place: str) -> None:
    write({"main.py": MAIN, "a.py": "import other\nother.run(port=1)\n", **files})
    found = read()
    assert found["values"]["app_port"] == 8123
    assert found["places"]["app_port"] == place


def test_two_exposed_ports_are_no_answer(write: Write, read: Read) -> None:
    write({"main.py": MAIN, "Dockerfile": "FROM x\nEXPOSE 8001\nFROM y\nEXPOSE 8555\n"})
    assert "app_port" not in read()["values"]


def test_link_is_shown_and_replaced_not_written_through(inside: Inside, write: Write) -> None:
    files = {"main.py": MAIN, "requirements.txt": "fastapi\n", "docker/Dockerfile": "FROM x\n"}
    root = write(files)
    (root / "Dockerfile").symlink_to("docker/Dockerfile")
    assert inside("generate", "dockerfile", "--project", "shop", "--dry-run").returncode == 0
    kept = inside("generate", "dockerfile", "--project", "shop")
    assert kept.returncode == 2
    assert "-FROM x" in kept.stderr
    assert inside("generate", "dockerfile", "--project", "shop", "--force").returncode == 0
    assert not (root / "Dockerfile").is_symlink()
    assert (root / "docker" / "Dockerfile").read_text() == "FROM x\n"


def test_folder_whose_name_starts_with_a_digit(write: Write, read: Read) -> None:
    root = write({"main.py": MAIN})
    root.rename(root.with_name("42-shops"))
    assert read(project="42-shops")["values"]["project_name"] == "shops"


def test_same_module_in_two_folders(inside: Inside, write: Write, read: Read) -> None:
    write({"one/main.py": MAIN, "two/main.py": MAIN})
    ended = inside("generate", "gunicorn", "--project", "shop", "-d", "app_path=main:app")
    assert "--app-path main:app --app-dir one" in ended.stderr
    found = read("-d", "app_path=main:app", "-d", "app_dir=two")
    assert found["places"]["app_path"] == "two/main.py:3"


def test_other_application_is_not_given_the_answers_of_the_first(
    inside: Inside, write: Write
) -> None:
    alive = '@app.get("/healthz")\ndef alive(): ...\n'
    root = write({"one/main.py": MAIN + alive, "two/web.py": MAIN})
    assert (
        inside("generate", "gunicorn", "--project", "shop", "--app-path", "main:app").returncode
        == 0
    )
    done = inside("generate", "gunicorn", "--project", "shop", "--app-path", "web:app", "--force")
    assert done.returncode == 0, done.stderr
    answers = yaml.safe_load((root / ".fastgen-deploy.yml").read_text())
    assert (answers["app_dir"], answers["health_path"]) == ("two", "")


def test_declared_entry_point_decides(write: Write, read: Read) -> None:
    declared = '[tool.fastapi]\nentrypoint = "two:app"\n'
    write({"one.py": MAIN, "two.py": MAIN, "pyproject.toml": declared})
    assert read()["values"]["app_path"] == "two:app"


def test_named_application_is_looked_for(write: Write, read: Read) -> None:
    write({"src/shop/web.py": "from somewhere import build\napp = build()\n"})
    found = read("-d", "app_path=shop.web:app")
    assert found["values"]["app_dir"] == "src"


def test_subclass_made_under_a_condition(write: Write, read: Read) -> None:
    text = (
        "from fastapi import FastAPI\nclass Service(FastAPI): ...\nif True:\n    api = Service()\n"
    )
    write({"main.py": text})
    assert read()["values"]["app_path"] == "main:api"


def test_image_gets_what_packages_need_of_debian(write: Write, read: Read) -> None:
    listed = '"fastapi",\n"psycopg[c]",\n"x @ git+https://example.com/x",\n"python-magic",\n]\n'
    backend = '[build-system]\nrequires = ["hatchling", "hatch-vcs"]\n'
    root = write({"main.py": MAIN, "uv.lock": "", "pyproject.toml": PROJECT + listed + backend})
    found = read("dockerfile")
    assert found["values"]["build_packages"] == "gcc git libc6-dev libpq-dev"
    assert found["values"]["runtime_packages"] == "libmagic1t64 libpq5"
    assert "hatch-vcs (pyproject.toml:11) reads the version from git" in found["told"]
    (root / "Dockerfile").write_text(found["texts"]["Dockerfile"])
    done = run([tool("hadolint"), "--format", "json", "Dockerfile"], root)
    assert json.loads(done.stdout) == []


def test_unreadable_file_is_told(write: Write, read: Read) -> None:
    write({"main.py": MAIN, "new.py": "match = = 3\n"})
    assert "new.py could not be parsed by Python 3." in read()["told"]


def test_other_compose_file_is_told(write: Write, read: Read) -> None:
    write({"main.py": MAIN, "docker-compose.yml": "services: {}\n"})
    assert "takes compose.yaml before docker-compose.yml" in read("compose")["told"]


def test_image_leaves_out_nested_environments(write: Write, read: Read) -> None:
    write({"main.py": MAIN, "requirements.txt": "fastapi\n"})
    ignored = read("dockerfile")["texts"][".dockerignore"].splitlines()
    assert {"**/.env", "**/.venv", "**/node_modules", ".python-version"} <= set(ignored)
