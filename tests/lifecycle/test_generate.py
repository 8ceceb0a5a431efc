"""`fastgen generate` on projects of other origin and of its own."""

import json
import shutil
import tomllib
from pathlib import Path

import pytest
import yaml
from command import Fastgen, Inside

from generator.artefacts import PLATFORMS

MAIN = "from fastapi import FastAPI\n\napp = FastAPI()\n"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Make a small project."""
    root = tmp_path / "shop"
    root.mkdir()
    (root / "main.py").write_text(MAIN)
    (root / "requirements.txt").write_text("fastapi\nuvicorn\n")
    return root


def test_files_are_written_and_refreshed(inside: Inside, shop: Path) -> None:
    first = inside("generate", "dockerfile", "--project", "shop")
    assert first.returncode == 0
    assert "detected app_path = main:app  (main.py:3)" in first.stderr
    assert '"uvicorn", "main:app"' in (shop / "Dockerfile").read_text()
    assert yaml.safe_load((shop / ".fastgen-deploy.yml").read_text())["scope"] == "deploy"
    again = inside("generate", "dockerfile", "--project", "shop")
    assert "unchanged  Dockerfile" in again.stdout


def test_differing_file_is_shown_and_kept(inside: Inside, shop: Path) -> None:
    (shop / "Dockerfile").write_text("FROM scratch\n")
    ended = inside("generate", "dockerfile", "compose", "--project", "shop")
    assert ended.returncode == 2
    assert "-FROM scratch" in ended.stderr
    assert "hint: `--force` overwrites" in ended.stderr
    assert (shop / "Dockerfile").read_text() == "FROM scratch\n"
    assert not (shop / "compose.yaml").exists()
    assert inside("generate", "dockerfile", "--project", "shop", "--force").returncode == 0
    assert "uvicorn" in (shop / "Dockerfile").read_text()


def test_answers_are_remembered(inside: Inside, shop: Path) -> None:
    inside("generate", "compose", "--project", "shop", "-d", "app_port=9000", "--cpus", "4")
    inside("generate", "gunicorn", "--project", "shop")
    answers = yaml.safe_load((shop / ".fastgen-deploy.yml").read_text())
    assert answers["app_port"] == 9000
    assert answers["artefacts"] == ["compose", "gunicorn"]
    assert "9000" in (shop / "gunicorn.conf.py").read_text()


def test_standard_output_is_the_file(inside: Inside, shop: Path) -> None:
    ended = inside("generate", "gunicorn", "--stdout", "--project", "shop")
    assert ended.stdout.startswith('"""gunicorn')
    compile(ended.stdout, "gunicorn.conf.py", "exec")
    assert sorted(path.name for path in shop.iterdir()) == ["main.py", "requirements.txt"]


def test_json_has_answers_places_and_files(inside: Inside, shop: Path) -> None:
    ended = inside("generate", "kubernetes", "--json", "--dry-run", "--project", "shop")
    document = json.loads(ended.stdout)
    assert {"key": "app_path", "value": "main:app", "place": "main.py:3"} in document["detected"]
    assert all(file["status"] == "new" for file in document["files"])
    assert not (shop / "deploy").exists()


@pytest.mark.parametrize("platform", PLATFORMS)
def test_platforms_start_what_was_detected(inside: Inside, shop: Path, platform: str) -> None:
    ended = inside("generate", platform, "--project", "shop", "-d", "app_port=9000")
    assert ended.returncode == 0, ended.stderr
    folder = shop / "deploy" / platform
    texts = [path.read_text() for path in (*shop.glob("*.*"), *folder.glob("*")) if path.is_file()]
    assert any("9000" in text for text in texts)
    assert "fastgen generate" in (folder / "README.md").read_text()
    assert "APP_ENVIRONMENT" not in "".join(texts)
    assert "FORWARDED_ALLOW_IPS" in "".join(texts)
    assert not (shop / "Dockerfile").exists()


def test_cloud_run_is_given_a_shorter_stop(inside: Inside, shop: Path) -> None:
    inside("generate", "cloudrun", "--project", "shop")
    service = yaml.safe_load((shop / "deploy/cloudrun/service.yaml").read_text())
    command = service["spec"]["template"]["spec"]["containers"][0]["command"]
    assert command[:4] == ["python", "-m", "uvicorn", "main:app"]
    assert command[command.index("--timeout-graceful-shutdown") + 1] == "5"


def test_nothing_that_looks_like_an_application(inside: Inside, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    ended = inside("generate", "dockerfile", "--project", "empty")
    assert ended.returncode == 2
    assert len(ended.stderr.strip().splitlines()) == 2
    assert "no FastAPI or Starlette application in 0 Python files" in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["dockerfil"], "did you mean `dockerfile`"),
        (["dockerfile", "-d", "app_path=main"], "`app_path` cannot be main"),
        (["dockerfile", "-d", "nothing=1"], "`nothing` is no question"),
        (["loadtest", "-d", "load_paths=things"], "`load_paths` cannot be things"),
        (["nginx", "-d", "domain=-bad"], "`domain` cannot be -bad"),
        (["nginx", "-d", "nginx_version=1.0"], "`nginx_version` cannot be 1.0"),
        (["compose", "-d", "memory_mb=64"], "`memory_mb` cannot be 64"),
    ],
)
def test_bad_input_is_refused(inside: Inside, shop: Path, arguments: list[str], said: str) -> None:
    ended = inside("generate", *arguments, "--project", "shop")
    assert ended.returncode == 2
    assert said in ended.stderr
    assert sorted(path.name for path in shop.iterdir()) == ["main.py", "requirements.txt"]


def test_own_project_uses_its_own_answers(fastgen: Fastgen, tmp_path: Path) -> None:
    made = fastgen(
        "new", "own", "-y", "--no-git", "--no-lock", "-d", "deployment=none", "--cpus", "3"
    )
    assert made.returncode == 0, made.stderr
    shutil.rmtree(tmp_path / "own" / ".github", ignore_errors=True)
    done = fastgen("generate", "systemd", "--project", "own", "-d", "http_edge=none")
    assert done.returncode == 0, done.stderr
    assert "CPUQuota=300%" in (tmp_path / "own/deploy/systemd/own.service").read_text()
    assert "python -m app" in (tmp_path / "own/deploy/systemd/own.service").read_text()
    assert not (tmp_path / "own" / ".fastgen-deploy.yml").exists()
    assert not (tmp_path / "own" / "Dockerfile").exists()


def test_load_test_asks_what_was_found(inside: Inside, shop: Path) -> None:
    route = '\n@app.get("/things")\ndef things():\n    return []\n'
    (shop / "main.py").write_text(MAIN + route)
    ended = inside("generate", "loadtest", "--project", "shop", "-d", "target_p95_ms=250")
    assert "detected load_paths = /things  (main.py:3)" in ended.stderr
    mix = tomllib.loads((shop / "loadtest" / "mix.toml").read_text())
    assert [step["path"] for step in mix["mix"]] == ["/things"]
    assert mix["targets"]["p95_ms"] == 250
    assert mix["service"]["run"][0][:2] == ["uvicorn", "main:app"]
    assert not (shop / "loadtest" / "plan.jmx").exists()


def test_own_project_gets_a_load_test(fastgen: Fastgen, tmp_path: Path) -> None:
    fastgen("new", "own", "--preset", "minimal", "-y", "--no-git", "--no-lock")
    assert not (tmp_path / "own" / "loadtest").exists()
    assert fastgen("generate", "loadtest", "--project", "own").returncode == 0
    mix = tomllib.loads((tmp_path / "own" / "loadtest" / "mix.toml").read_text())
    assert mix["service"]["run"] == [["app"]]
