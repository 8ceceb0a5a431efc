"""What is read from projects of other origin: small projects of every layout."""

from pathlib import Path

import pytest

from generator.detect import (
    About,
    Application,
    SeveralApplicationsError,
    about,
    choose,
    detect,
)
from generator.errors import FastgenError

FASTAPI = "from fastapi import FastAPI\n"


PYTHONS = ("3.13", "3.14", "3.12", "3.11")
"""Versions of the images, the preferred one first."""


def files(root: Path, **texts: str) -> Path:
    """Write files; in names, `/` is written `__` and `.` is written `_DOT_`."""
    for name, text in texts.items():
        path = root / name.replace("__", "/").replace("_DOT_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return root


def chosen(root: Path, wanted: str | None = None) -> Application:
    return choose(detect(root), wanted, root)


def read(root: Path) -> About:
    found = detect(root)
    return about(found, choose(found, None, root), root, PYTHONS)


def answers(root: Path) -> dict[str, object]:
    return read(root).answers()


@pytest.mark.parametrize(
    ("path", "text", "target", "directory"),
    [
        ("main_DOT_py", FASTAPI + "app = FastAPI()\n", "main:app", "."),
        ("app__main_DOT_py", FASTAPI + "app = FastAPI()\n", "main:app", "app"),
        (
            "app__main_DOT_py",
            FASTAPI + "from app.x import y\napp = FastAPI()\n",
            "app.main:app",
            ".",
        ),
        ("src__shop__web_DOT_py", FASTAPI + "api: FastAPI = FastAPI()\n", "web:api", "src/shop"),
        ("a_DOT_py", "import fastapi\napp = fastapi.FastAPI()\n", "a:app", "."),
        (
            "a_DOT_py",
            "from starlette.applications import Starlette\napp = Starlette()\n",
            "a:app",
            ".",
        ),
        (
            "a_DOT_py",
            FASTAPI + "def create() -> FastAPI:\n    return FastAPI()\napp = create()\n",
            "a:app",
            ".",
        ),
        (
            "a_DOT_py",
            FASTAPI
            + "class Creator:\n    def __init__(self):\n        self.app = FastAPI()\n"
            + "creator = Creator()\napp = creator.app\n",
            "a:app",
            ".",
        ),
    ],
)
def test_application_is_found(
    tmp_path: Path, path: str, text: str, target: str, directory: str
) -> None:
    found = chosen(files(tmp_path, **{path: text}))
    assert (found.target, found.directory, found.factory) == (target, directory, False)


def test_package_is_imported_from_above_its_outermost_folder(tmp_path: Path) -> None:
    root = files(
        tmp_path,
        src__shop____init___DOT_py="",
        src__shop__web__main_DOT_py=FASTAPI + "app = FastAPI()\n",
    )
    (root / "src" / "shop" / "__init__.py").write_text("")
    (root / "src" / "shop" / "web" / "__init__.py").write_text("")
    found = chosen(root)
    assert (found.target, found.directory) == ("shop.web.main:app", "src")


def test_factory_is_found_where_there_is_no_object(tmp_path: Path) -> None:
    text = FASTAPI + "def build():\n    api = FastAPI()\n    return api\n"
    found = chosen(files(tmp_path, main_DOT_py=text))
    assert (found.target, found.factory) == ("main:build", True)


def test_factory_with_arguments_is_none(tmp_path: Path) -> None:
    text = FASTAPI + "def build(settings):\n    return FastAPI()\n"
    with pytest.raises(FastgenError, match="no FastAPI or Starlette application"):
        chosen(files(tmp_path, main_DOT_py=text))


def test_parts_and_tests_are_not_the_application(tmp_path: Path) -> None:
    root = files(
        tmp_path,
        main_DOT_py=FASTAPI + "admin = FastAPI()\napp = FastAPI()\napp.mount('/admin', admin)\n",
        tests__test_x_DOT_py=FASTAPI + "app = FastAPI()\n",
        test_y_DOT_py=FASTAPI + "app = FastAPI()\n",
    )
    assert [found.target for found in detect(root).applications] == ["main:app"]


def test_code_is_not_run_and_broken_files_do_no_harm(tmp_path: Path) -> None:
    root = files(
        tmp_path,
        main_DOT_py=FASTAPI + "raise SystemExit(9)\napp = FastAPI()\n",
        old_DOT_py="print 'two'\n",
    )
    (root / "bytes.py").write_bytes(b"\xff\xfe\x00")
    assert chosen(root).target == "main:app"


def test_several_applications_are_listed_with_the_flag(tmp_path: Path) -> None:
    root = files(
        tmp_path,
        one__main_DOT_py=FASTAPI + "app = FastAPI()\n",
        two__main_DOT_py=FASTAPI + "app = FastAPI()\n",
    )
    with pytest.raises(SeveralApplicationsError) as told:
        chosen(root)
    assert "one/main.py:2" in told.value.message
    assert "two/main.py:2" in told.value.message
    assert "--app-path main:app --app-dir one" in told.value.hint
    with pytest.raises(SeveralApplicationsError):
        chosen(root, "main:app")
    assert choose(detect(root), "main:app", root, "two").path == "two/main.py"


@pytest.mark.parametrize(
    ("name", "manager"),
    [
        ("uv_DOT_lock", "uv"),
        ("poetry_DOT_lock", "poetry"),
        ("pdm_DOT_lock", "pdm"),
        ("Pipfile_DOT_lock", "pipenv"),
        ("requirements_DOT_txt", "requirements"),
    ],
)
def test_package_manager_follows_the_lock(tmp_path: Path, name: str, manager: str) -> None:
    root = files(tmp_path, main_DOT_py=FASTAPI + "app = FastAPI()\n", **{name: ""})
    assert answers(root)["package_manager"] == manager


@pytest.mark.parametrize(
    ("required", "version"),
    [
        (">=3.11", "3.13"),
        (">=3.11,<3.13", "3.12"),
        ("^3.12", "3.13"),
        ("==3.12.*", "3.12"),
        ("~=3.14", "3.14"),
        (">=3.9,!=3.13.*", "3.14"),
    ],
)
def test_python_follows_the_requirement(tmp_path: Path, required: str, version: str) -> None:
    manifest = f'[project]\nname = "shop"\nrequires-python = "{required}"\n'
    root = files(tmp_path, main_DOT_py=FASTAPI + "app = FastAPI()\n", pyproject_DOT_toml=manifest)
    assert answers(root)["python_version"] == version


def test_what_else_is_read(tmp_path: Path) -> None:
    root = files(
        tmp_path,
        requirements_DOT_txt="# web\nfastapi[standard]==0.120\nAsyncPG>=0.29\n",
        Procfile="web: uvicorn main:app --port 9001\n",
        main_DOT_py=FASTAPI
        + "app = FastAPI()\n@app.get('/healthz')\ndef h(): ...\n"
        + "@app.websocket('/ws')\nasync def w(s): ...\n",
    )
    found = answers(root)
    assert found["db_driver"] == "asyncpg"
    assert found["add_server"] is False
    assert found["app_port"] == 9001
    assert found["health_path"] == "/healthz"
    assert any("WebSocket at main.py" in note for note in read(root).notes)
    places = {one.key: one.place for one in read(root).findings}
    assert places["db_driver"] == "requirements.txt:3"


def test_health_route_with_an_unknown_prefix_is_not_taken(tmp_path: Path) -> None:
    text = FASTAPI + "app = FastAPI()\n@router.get('/health')\ndef h(): ...\n"
    assert "health_path" not in answers(files(tmp_path, main_DOT_py=text))


def test_project_without_a_server_gets_one(tmp_path: Path) -> None:
    root = files(
        tmp_path,
        main_DOT_py=FASTAPI + "app = FastAPI()\n",
        requirements_DOT_txt="fastapi\n",
    )
    assert answers(root)["add_server"] is True


def paths_of(root: Path) -> str:
    return str(answers(root).get("load_paths", ""))


def test_paths_are_those_that_need_nothing_of_the_client(tmp_path: Path) -> None:
    routes = (
        '@app.get("/many")\ndef many(limit: int = 10): ...\n'
        '@app.get("/{one}")\ndef one(one: int): ...\n'
        '@app.get("/found")\nasync def found(words: str): ...\n'
        '@app.post("/many")\ndef make(): ...\n'
        '@other.get("/other")\ndef other(): ...\n'
    )
    root = files(tmp_path, main_DOT_py=f"{FASTAPI}app = FastAPI()\n{routes}")
    assert paths_of(root) == "/many"


def test_paths_of_routers_have_their_prefixes(tmp_path: Path) -> None:
    router = "from fastapi import APIRouter\n"
    root = files(
        tmp_path,
        main_DOT_py=FASTAPI
        + "from routers import items\nfrom routers.users import router as users\n"
        + "from routers.odd import router as odd\n"
        + 'app = FastAPI()\napp.include_router(items.router, prefix="/v1")\n'
        + "app.include_router(users)\napp.include_router(odd, prefix=computed())\n",
        routers__items_DOT_py=router
        + 'router = APIRouter(prefix="/items")\n@router.get("")\ndef many(): ...\n',
        routers__users_DOT_py=router
        + 'router = APIRouter()\n@router.get("/users")\ndef many(): ...\n',
        routers__odd_DOT_py=router + 'router = APIRouter()\n@router.get("/odd")\ndef many(): ...\n',
    )
    assert paths_of(root) == "/v1/items /users"
