"""Programs of other Debian releases, unpacked beside the system and run with their own libraries.

    python tests/tools/debian.py forky nginx ...      prints the folder

apt checks the signatures; nothing is installed. Works on Debian machines; elsewhere it says why not.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "fastgen-tests"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
SOURCES = Path("/etc/apt")
NGINX = {"1.26": "trixie", "1.30": "forky"}
"""Version of nginx -> Debian release that has it."""
LIBRARIES = ("libc6", "libssl3t64", "libpcre2-8-0", "zlib1g", "libcrypt1", "libzstd1")
PGBOUNCER = (1, 21)
"""The first version with `max_prepared_statements`."""
PGBOUNCER_LIBRARIES = (
    *("libevent-2.1-7t64", "libcares2", "libsystemd0", "libpam0g", "libldap2", "libsasl2-2"),
    *("libaudit1", "libcap-ng0", "libcap2", "liblzma5", "liblz4-1", "libgcrypt20", "libgpg-error0"),
)
CONFIGURATION = """\
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "{root}/parts";
Dir::State::lists "{root}/lists";
Dir::State::status "/dev/null";
Dir::Cache "{root}/cache";
APT::Sandbox::User "root";
"""


class UnavailableError(Exception):
    """A program cannot be had here; the text says why."""


def mirror() -> str:
    """Find the Debian mirror that this machine's apt is set up for."""
    for path in [*SOURCES.glob("sources.list.d/*"), SOURCES / "sources.list"]:
        if path.is_file() and (found := next(_mirrors(path.read_text("utf-8")), None)):
            return found
    raise UnavailableError("apt on this machine names no Debian mirror")


def _mirrors(text: str) -> Iterator[str]:
    for match in re.finditer(
        r"^(?:URIs:|deb\s+(?:\[[^]]*\]\s+)?)\s*(\S+/debian/?)(?:\s|$)", text, re.M
    ):
        yield match[1]


def unpack(suite: str, packages: Sequence[str]) -> Path:
    """Download `packages` of the release `suite` and unpack them; the folder is kept."""
    destination = CACHE / f"{suite}-{packages[0]}"
    if destination.is_dir():
        return destination
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb") or not KEYRING.is_file():
        raise UnavailableError("this machine has no apt of Debian")
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        root = Path(folder)
        _download(root, suite, packages)
        unpacked = root / "unpacked"
        for package in (root / "debs").glob("*.deb"):
            subprocess.run(["dpkg-deb", "--extract", package, unpacked], check=True)
        try:
            unpacked.rename(destination)
        except OSError:  # another process was first
            if not destination.is_dir():
                raise
    return destination


def _download(root: Path, suite: str, packages: Sequence[str]) -> None:
    for name in ("parts", "lists/partial", "cache/archives/partial", "debs"):
        (root / name).mkdir(parents=True)
    (root / "apt.conf").write_text(CONFIGURATION.format(root=root))
    (root / "parts" / "suite.sources").write_text(
        f"Types: deb\nURIs: {mirror()}\nSuites: {suite}\nComponents: main\nSigned-By: {KEYRING}\n"
    )
    environment = os.environ | {"APT_CONFIG": str(root / "apt.conf")}
    for command in (["update"], ["download", *packages]):
        done = subprocess.run(
            ["apt-get", "-qq", *command],
            cwd=root / "debs",
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise UnavailableError(f"apt-get {command[0]}: {done.stderr.strip()[-300:]}")


def nginx(version: str) -> list[str]:
    """Give the command of nginx `version`: the installed one, else that of a Debian release."""
    if (installed := shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")) and (
        f"/{version}." in _output([installed, "-v"])
    ):
        return [installed]
    if version not in NGINX:
        raise UnavailableError(f"nginx {version} is not installed")
    return _with_libraries(nginx_files(version), "usr/sbin/nginx")


def nginx_files(version: str) -> Path:
    """Give the folder with nginx `version` of a Debian release, and with its libraries."""
    return unpack(NGINX[version], ["nginx", "nginx-common", *LIBRARIES])


def pgbouncer() -> list[str]:
    """Give the command of a PgBouncer that can prepare statements: installed, or of a later Debian."""
    installed = shutil.which("pgbouncer", path=os.environ["PATH"] + ":/usr/sbin")
    found = re.search(r"PgBouncer (\d+)\.(\d+)", _output([installed, "-V"]) if installed else "")
    if installed and found and (int(found[1]), int(found[2])) >= PGBOUNCER:
        return [installed]
    return _with_libraries(
        unpack("forky", ["pgbouncer", *LIBRARIES, *PGBOUNCER_LIBRARIES]), "usr/sbin/pgbouncer"
    )


def compose() -> list[str]:
    """Give the command of Docker Compose: the installed plugin, else that of a later Debian.

    It needs no engine to read the files of a project.
    """
    docker = shutil.which("docker")
    if docker and "Docker Compose" in _output([docker, "compose", "version"]):
        return [docker, "compose"]
    root = unpack("forky", ["docker-compose", *LIBRARIES])
    return _with_libraries(root, "usr/libexec/docker/cli-plugins/docker-compose")


def _with_libraries(root: Path, program: str) -> list[str]:
    """Give the command of a program among those unpacked in `root`."""
    libraries = next((root / "usr" / "lib").glob("*-linux-gnu*"))
    loader = next(libraries.glob("ld-linux*"))
    return [str(loader), "--library-path", str(libraries), str(root / program)]


def _output(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


if __name__ == "__main__":
    sys.stdout.write(f"{unpack(sys.argv[1], sys.argv[2:])}\n")
