"""`fastgen update`: what the template changed arrives, what the person wrote stays."""

import json
from pathlib import Path
from typing import Any

import pytest
from command import Inside
from moving import FILES, LINES, QUESTIONS, World, commit, git, snapshot, write

from generator.errors import ExitCode

UPSTREAM = LINES.replace("line 18\n", "upstream 18\n")
MINE = LINES.replace("line 2\n", "mine 2\n")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "world")


def files(stdout: str) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = json.loads(stdout)["files"]
    return {
        key: value for key, value in found.items() if value and value != [".copier-answers.yml"]
    }


def test_an_untouched_project_becomes_a_fresh_render(world: World, inside: Inside) -> None:
    world.release(main_py=UPSTREAM, new_py="new\n", other_py=None)
    done = inside("update", "--json", *world.options)
    assert (done.returncode, done.stderr) == (0, "")
    assert files(done.stdout) == {
        "added": ["new.py"], "changed": [".copier-answers.yml", "main.py"], "deleted": ["other.py"]
    }  # fmt: skip
    fresh = World(world.folder / "fresh", files={"template/main.py": UPSTREAM})
    assert world.text("main.py") == fresh.text("main.py")
    assert "_commit: v2.0.0" in world.text(".copier-answers.yml")
    assert world.status()["new.py"] == "A "


def test_edits_elsewhere_in_a_file_are_merged(world: World, inside: Inside) -> None:
    world.edit({"main.py": MINE, "notes.txt": "mine\n"})
    world.release(main_py=UPSTREAM)
    done = inside("update", "--json", *world.options)
    assert done.returncode == 0
    assert files(done.stdout)["merged"] == ["main.py"]
    assert world.text("main.py") == MINE.replace("line 18\n", "upstream 18\n")
    assert world.text("notes.txt") == "mine\n"


def test_edits_of_the_same_lines_are_a_conflict(world: World, inside: Inside) -> None:
    world.edit({"main.py": LINES.replace("line 18\n", "mine 18\n")})
    world.release(main_py=UPSTREAM)
    done = inside("update", *world.options)
    assert done.returncode == ExitCode.CONFLICTS
    assert "1 file(s) in conflict: main.py" in done.stderr
    assert "git reset --hard" in done.stderr
    text = world.text("main.py")
    assert "<<<<<<< your project\nmine 18\n=======\nupstream 18\n>>>>>>> fastgen v2.0.0" in text
    assert world.status()["main.py"] == "UU"


def test_undoing_gives_back_the_project(world: World, inside: Inside) -> None:
    world.edit({"main.py": LINES.replace("line 18\n", "mine 18\n"), "other.py": None})
    before = snapshot(world.project)
    world.release(main_py=UPSTREAM, new_py="new\n", logo_png=b"\0two")
    inside("update", *world.options)
    git(world.repository, "reset", "--hard")
    assert snapshot(world.project) == before
    assert world.status() == {}


def test_a_file_added_by_both_is_a_conflict(world: World, inside: Inside) -> None:
    world.edit({"new.py": "mine\n"})
    world.release(new_py="theirs\n")
    assert inside("update", *world.options).returncode == ExitCode.CONFLICTS
    assert world.status()["new.py"] == "AA"


def test_a_file_that_the_person_deleted_stays_deleted_and_is_named(
    world: World, inside: Inside
) -> None:
    world.edit({"main.py": None})
    world.release(main_py=UPSTREAM)
    done = inside("update", "--json", *world.options)
    assert done.returncode == 0
    assert files(done.stdout)["kept"] == ["main.py"]
    assert not (world.project / "main.py").exists()


def test_a_deleted_template_file_with_edits_stays_as_a_conflict(
    world: World, inside: Inside
) -> None:
    world.edit({"main.py": MINE})
    world.release(main_py=None)
    done = inside("update", "--json", *world.options)
    assert done.returncode == ExitCode.CONFLICTS
    assert files(done.stdout)["conflicting"] == ["main.py"]
    assert world.text("main.py") == MINE
    assert world.status()["main.py"] == "UD"


def test_edits_follow_a_file_that_the_template_renames(world: World, inside: Inside) -> None:
    world.edit({"main.py": MINE})
    world.release(main_py=None, start_py=UPSTREAM)
    done = inside("update", "--json", *world.options)
    assert done.returncode == 0
    assert files(done.stdout)["renamed"] == [["main.py", "start.py"]]
    assert world.text("start.py") == MINE.replace("line 18\n", "upstream 18\n")
    assert not (world.project / "main.py").exists()


def test_changes_follow_a_file_that_the_person_renames(world: World, inside: Inside) -> None:
    world.edit({"main.py": None, "mine.py": LINES})
    world.release(main_py=UPSTREAM)
    assert inside("update", *world.options).returncode == 0
    assert world.text("mine.py") == UPSTREAM
    assert not (world.project / "main.py").exists()


def test_an_edited_binary_that_the_template_changes_is_a_conflict(
    world: World, inside: Inside
) -> None:
    world.edit({"logo.png": b"\x89PNG\0mine\0"})
    world.release(logo_png=b"\x89PNG\0two\0")
    done = inside("update", *world.options)
    assert done.returncode == ExitCode.CONFLICTS
    assert (world.project / "logo.png").read_bytes() == b"\x89PNG\0mine\0"
    assert world.status()["logo.png"] == "UU"


def test_an_edited_binary_that_the_template_leaves_alone_stays(
    world: World, inside: Inside
) -> None:
    world.edit({"logo.png": b"\x89PNG\0mine\0"})
    world.release(main_py=UPSTREAM)
    assert inside("update", *world.options).returncode == 0
    assert (world.project / "logo.png").read_bytes() == b"\x89PNG\0mine\0"


def test_an_ignored_file_with_secrets_is_not_touched(tmp_path: Path, inside: Inside) -> None:
    world = World(tmp_path / "w", files={"template/.env": "SECRET=\n"})
    write(world.project, {".env": "SECRET=42\n"})
    world.release(_env="SECRET=\nMORE=\n", main_py=UPSTREAM)
    done = inside("update", "--json", *world.options)
    assert done.returncode == 0
    assert world.text(".env") == "SECRET=42\n"
    assert files(done.stdout)["ignored"] == [".env"]


def test_line_ends_of_windows_stay(world: World, inside: Inside) -> None:
    crlf = LINES.replace("\n", "\r\n")
    world.edit({"other.py": crlf})
    world.release(main_py=UPSTREAM)
    assert inside("update", *world.options).returncode == 0
    assert world.text("other.py") == crlf


def test_executable_bits_and_names_beyond_ascii(world: World, inside: Inside) -> None:
    world.edit({"für dich/größe \u2713.txt": "mine\n"})
    (world.project / "main.py").chmod(0o755)
    commit(world.repository)
    world.release_files({"template/naïve \u2713.py": "new\n", "template/main.py": UPSTREAM})
    assert inside("update", *world.options).returncode == 0
    assert world.text("naïve \u2713.py") == "new\n"
    assert (world.project / "main.py").stat().st_mode & 0o100
    assert world.text("main.py") == UPSTREAM


def test_a_project_in_a_folder_of_a_repository(tmp_path: Path, inside: Inside) -> None:
    world = World(tmp_path / "w", place="services/demo")
    world.edit({"main.py": MINE, "../../outside.txt": "outside\n"})
    write(world.repository, {"outside.txt": "not committed\n"})
    world.release(main_py=UPSTREAM, new_py="new\n")
    done = inside("update", *world.options)
    assert done.returncode == 0
    assert world.text("main.py") == MINE.replace("line 18\n", "upstream 18\n")
    assert world.text("../../outside.txt") == "not committed\n"
    assert world.status()["services/demo/new.py"] == "A "
    undo = next(line for line in done.stderr.splitlines() if "undo everything" in line)
    git(world.repository, *undo.partition("git ")[2].split())
    assert world.status() == {"outside.txt": " M"}


def test_a_second_update_changes_nothing(world: World, inside: Inside) -> None:
    world.edit({"main.py": MINE})
    world.release(main_py=UPSTREAM)
    inside("update", *world.options)
    commit(world.repository)
    before = snapshot(world.project)
    done = inside("update", *world.options)
    assert (done.returncode, "nothing to change" in done.stderr) == (0, True)
    assert snapshot(world.project) == before


def test_a_new_question_takes_its_default(world: World, inside: Inside) -> None:
    more = QUESTIONS.replace("size:", "color: {type: str, default: blue}\nsize:")
    world.release_files({"copier.yml": more, "template/c.txt.jinja": "{{ color }}\n"})
    done = inside("update", *world.options)
    assert done.returncode == 0
    assert "color: - -> blue (new question, its default)" in done.stdout
    assert world.text("c.txt") == "blue\n"
    assert "color: blue" in world.text(".copier-answers.yml")


def test_a_new_question_can_be_answered(world: World, inside: Inside) -> None:
    more = QUESTIONS.replace("size:", "color: {type: str, default: blue}\nsize:")
    world.release_files({"copier.yml": more, "template/c.txt.jinja": "{{ color }}\n"})
    assert inside("update", "-d", "color=red", *world.options).returncode == 0
    assert world.text("c.txt") == "red\n"


def test_a_new_question_without_a_safe_default_must_be_answered(
    world: World, inside: Inside
) -> None:
    color = "color: {type: str, default: '', validator: \"{% if not color %}empty{% endif %}\"}"
    world.release_files({"copier.yml": QUESTIONS.replace("size:", f"{color}\nsize:")})
    before = snapshot(world.project)
    done = inside("update", *world.options)
    assert done.returncode == ExitCode.USAGE
    assert '`color` cannot be ""' in done.stderr
    assert "hint: give another value with `-d color=VALUE`" in done.stderr
    assert snapshot(world.project) == before
    assert inside("update", "-d", "color=red", *world.options).returncode == 0


@pytest.mark.parametrize(
    ("command", "hint"),
    [(("update", "-d", "size=x"), "`-d size=2`"), (("set", "size=x"), "`size=2`")],
)
def test_a_hint_writes_an_answer_as_the_command_takes_it(
    world: World, inside: Inside, command: tuple[str, ...], hint: str
) -> None:
    world.release(main_py=UPSTREAM)
    done = inside(*command, *world.options)
    assert done.returncode == ExitCode.USAGE
    assert f"hint: for example {hint}\n" in done.stderr


def test_a_renamed_question_keeps_its_answer(tmp_path: Path, inside: Inside) -> None:
    world = World(tmp_path / "w", {"size": 4})
    renamed = (
        QUESTIONS.replace(
            "size: {type: int, default: 1,",
            'extent: {type: int, default: "{{ size | default(1) }}",',
        )
        .replace("`size` is over 9", "")
        .replace("size > 9", "extent > 9")
    )
    readme = str(FILES["template/README.md.jinja"]).replace("{{ size }}", "{{ extent }}")
    world.release_files({"copier.yml": renamed, "template/README.md.jinja": readme})
    assert inside("update", *world.options).returncode == 0
    assert "size: 4" in world.text("README.md")
    assert "extent: 4" in world.text(".copier-answers.yml")


def test_check_tells_by_its_exit_code(world: World, inside: Inside) -> None:
    assert inside("update", "--check", *world.options).returncode == 0
    world.release(main_py=UPSTREAM)
    before = snapshot(world.project)
    done = inside("update", "--check", "--json", *world.options)
    assert done.returncode == ExitCode.UPDATE_AVAILABLE
    assert json.loads(done.stdout) | {"project": ""} == {
        "project": "", "update": True, "from": "v1.0.0", "to": "v2.0.0"
    }  # fmt: skip
    assert snapshot(world.project) == before


def test_dry_run_shows_the_files_and_writes_nothing(world: World, inside: Inside) -> None:
    world.release(main_py=UPSTREAM, new_py="new\n")
    before = snapshot(world.project)
    done = inside("update", "--dry-run", *world.options)
    assert done.returncode == 0
    assert "added:\n  new.py\nchanged:\n  .copier-answers.yml\n  main.py\n" in done.stdout
    assert snapshot(world.project) == before
    assert world.status() == {}


def test_a_checkout_with_changes_is_told(world: World, inside: Inside) -> None:
    world.release(main_py=UPSTREAM)
    write(world.template, {"template/main.py": "edited\n"})
    done = inside("update", *world.options)
    assert done.returncode == 0
    assert world.text("main.py") == "edited\n"
    told = f"warning: the template in {world.template} has changes that are not committed: "
    assert f"{told}the project records v2.0.0, which does not hold them\n" in done.stderr


def test_to_goes_to_a_release_between(world: World, inside: Inside) -> None:
    world.release("v1.1.0", main_py=UPSTREAM)
    world.release("v2.0.0", main_py="other\n")
    assert inside("update", "--to", "1.1.0", *world.options).returncode == 0
    assert world.text("main.py") == UPSTREAM


def test_to_never_goes_back(world: World, inside: Inside) -> None:
    world.release("v2.0.0", main_py=UPSTREAM)
    inside("update", *world.options)
    commit(world.repository)
    done = inside("update", "--to", "1.0.0", *world.options)
    assert done.returncode == ExitCode.USAGE
    assert "the project is at v2.0.0, and v1.0.0 is older" in done.stderr


def test_a_template_that_is_cloned_goes_to_its_highest_release(
    world: World, inside: Inside
) -> None:
    world.release("v1.10.0", main_py=UPSTREAM)
    world.release("v1.9.0", main_py="older\n")
    bare = world.folder / "bare.git"
    git(world.folder, "clone", "-q", "--bare", str(world.template), str(bare))
    done = inside("update", "--project", str(world.project), "--template", str(bare))
    assert done.returncode == 0
    assert world.text("main.py") == UPSTREAM
    assert f"_src_path: {bare}" in world.text(".copier-answers.yml")


def test_files_that_the_template_leaves_alone_once_they_exist(
    tmp_path: Path, inside: Inside
) -> None:
    questions = QUESTIONS + '_skip_if_exists: ["{{ project_name }}.txt", absent.txt]\n'
    world = World(tmp_path / "w", files={"copier.yml": questions, "template/demo.txt": "one\n"})
    world.edit({"demo.txt": "mine\n"})
    world.release_files({"template/demo.txt": "two\n", "template/absent.txt": "new\n"})
    done = inside("update", "--json", *world.options)
    assert done.returncode == 0
    assert world.text("demo.txt") == "mine\n"
    assert world.text("absent.txt") == "new\n"
