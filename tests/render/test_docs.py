import subprocess
import sys

from command import ROOT


def test_the_readme_lists_the_questions_of_the_template() -> None:
    done = subprocess.run([sys.executable, ROOT / "docs" / "derive.py", "--check"], check=False)
    assert done.returncode == 0, "run `make docs`"
