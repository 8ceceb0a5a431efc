"""Write the derived parts of the documentation: `python docs/derive.py`; `--check` only compares.

A derived part stands between `<!-- NAME -->` and `<!-- /NAME -->`.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"


def options() -> str:
    """The table of questions and choices."""
    command = [sys.executable, "-m", "generator", "options", "--markdown"]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def derived(text: str) -> str:
    """The README with its derived parts as they should be."""
    return re.sub(
        r"(<!-- options -->\n).*?(<!-- /options -->)",
        lambda found: f"{found[1]}{options()}{found[2]}",
        text,
        flags=re.DOTALL,
    )


def main() -> int:
    """Write, or with `--check` tell whether anything would change."""
    before = README.read_text(encoding="utf-8")
    after = derived(before)
    if "--check" in sys.argv:
        return int(before != after)
    README.write_text(after, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
