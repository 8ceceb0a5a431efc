"""`fastgen plan`: tables, bars, JSON, refusals, and the answers of a project."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from command import Inside

from generator import console
from generator.cli.plan_view import show_plan
from generator.project import ANSWERS_FILE

ENVIRONMENT = {
    "status": "ok",
    "errors": [],
    "warnings": [{"code": "SMALL_POOL", "message": "the pool is small"}],
    "host": {"cpus": 0.5, "memory_mb": 512, "replicas": 2, "db_max_connections": 100},
    "budget": {"limit": 100, "reserved": 3, "headroom": 5, "free": 22, "peak": 70},
    "numbers": {"workers": {"value": 2, "why": "two for 1 CPU"}},
}
REFUSED = {
    **ENVIRONMENT,
    "status": "refused",
    "errors": [
        {
            "code": "DB_BUDGET",
            "message": "needs 140 of 100 connections",
            "fixes": [
                {"set": {"replicas": 1}, "text": "take 1 replica"},
                {"set": {}, "text": "add RAM"},
            ],
        }
    ],
}


def template(root: Path, production: Mapping[str, object]) -> str:
    """Make a template whose plan is always the same."""
    plan = {"status": "ok", "environments": {"staging": ENVIRONMENT, "production": production}}
    questions = {
        "_subdirectory": "template",
        "project_name": {"type": "str"},
        "replicas": {"type": "int", "default": 2},
        "plan": {"type": "json", "when": False, "default": json.dumps(plan)},
    }
    root.mkdir()
    (root / "copier.yml").write_text(json.dumps(questions))
    return str(root)


def test_a_refused_plan_is_shown_and_ends_with_its_ways_out(inside: Inside, tmp_path: Path) -> None:
    done = inside("plan", "--template", template(tmp_path / "t", REFUSED))
    assert done.returncode == 2
    assert done.stderr.splitlines()[-2:] == [
        "error: production: needs 140 of 100 connections",
        "hint: take 1 replica; or add RAM",
    ]
    assert "workers" in done.stdout


def test_new_refuses_such_a_plan_too(inside: Inside, tmp_path: Path) -> None:
    refusing = template(tmp_path / "t", REFUSED)
    done = inside("new", "demo", "--defaults", "--template", refusing)
    assert done.returncode == 2
    assert not (tmp_path / "demo").exists()


def test_values_reasons_warnings_and_budgets(inside: Inside, tmp_path: Path) -> None:
    done = inside("plan", "--template", template(tmp_path / "t", ENVIRONMENT))
    assert done.returncode == 0
    rows = {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines() if line.split()}
    assert rows["cpus"] == ["0.5", "0.5"]
    assert rows["workers"] == ["2", "2", "two", "for", "1", "CPU"]
    assert "warning: staging: the pool is small" in done.stderr
    bar = next(line for line in done.stdout.splitlines() if line.startswith("  production"))
    assert bar.endswith("█ used 70, ▒ reserved 8, ░ free 22, of 100")
    assert [bar.split("  ")[2].count(mark) for mark in "█▒░"] == [28, 3, 9]


def test_without_a_database_there_is_no_bar(capsys: pytest.CaptureFixture[str]) -> None:
    show_plan({"environments": {"production": {**ENVIRONMENT, "budget": None}}}, "production")
    assert "connections" not in capsys.readouterr().out


@pytest.mark.parametrize("parts", [{"used": 0}, {"used": 3, "free": 0}, {"a": 1, "b": 1, "c": 1}])
def test_bars_are_as_long_as_their_parts(
    parts: dict[str, int], capsys: pytest.CaptureFixture[str]
) -> None:
    total = sum(parts.values())
    console.bar("x", parts, total)
    line = capsys.readouterr().out
    marks = sum(line.count(mark) for mark in "█▒░")
    assert marks == len(parts) + (40 if total else 0)  # the legend shows each mark once


def test_json_is_the_plan(inside: Inside) -> None:
    told = json.loads(inside("plan", "--json", "--cpus", "4").stdout)
    assert list(told["environments"]) == ["development", "staging", "production"]
    assert all(number["why"] for number in told["environments"]["production"]["numbers"].values())


def test_unknown_environment(inside: Inside) -> None:
    done = inside("plan", "--why", "prodction")
    assert done.returncode == 2
    assert "did you mean `production`?" in done.stderr


def test_a_projects_answers_are_used_and_options_win(inside: Inside, tmp_path: Path) -> None:
    told = "project_name: x\ncache: nonsense\nnot_asked_any_more: 1\n_commit: v1\n"
    (tmp_path / ANSWERS_FILE).write_text(told)
    assert "`cache` cannot be nonsense" in inside("plan").stderr
    assert inside("plan", "--cache", "none").returncode == 0


def test_a_projects_answers_may_stop_to_apply(inside: Inside, tmp_path: Path) -> None:
    (tmp_path / ANSWERS_FILE).write_text("db_driver: aiosqlite\ndata_layer: sqlalchemy\n")
    assert inside("plan", "--db-driver", "none").returncode == 0


@pytest.mark.parametrize("content", [None, "- x\n", "<<<<<<< HEAD\na: 1\n=======\n", "\0"])
def test_a_folder_that_is_no_project(inside: Inside, tmp_path: Path, content: str | None) -> None:
    (tmp_path / "p").mkdir()
    if content:
        (tmp_path / "p" / ANSWERS_FILE).write_text(content)
    done = inside("plan", "--project", "p")
    assert done.returncode == 4
    assert [line.partition(":")[0] for line in done.stderr.splitlines()] == ["error", "hint"]


def test_only_questions_with_a_say_have_flags(inside: Inside) -> None:
    shown = inside("plan", "--help").stdout
    assert "--db-driver" in shown
    assert "--memory" in shown
    assert "--author-name" not in shown
