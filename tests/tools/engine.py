"""A container engine: Debian's, in a root of its own beside the machine, with stand-ins for public images.

Needs root, a Debian machine and a kernel that lets it mount; elsewhere it says why not. Nothing is
installed, and no registry is asked: the images that rendered files name are made of Debian's packages.
"""

import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tools import debian
from tools.debian import UnavailableError

HERE = Path(__file__).parent
SUITE = "forky"
PYTHON = "3.13"
"""The Python of the stand-in, which the projects of the tests are rendered for."""
ENGINE = (
    *("docker.io", "docker-cli", "docker-compose", "docker-buildx", "containerd", "runc"),
    *("iproute2", "iptables"),
)
GROUP = "fastgen-tests"
"""Name of the control group of everything that runs in the engine."""
BASE = ("ca-certificates", f"python{PYTHON}", f"python{PYTHON}-venv")
MACHINE = "trixie"
"""The release with the last systemd that runs on both kinds of control groups, and nginx 1.26."""
NAME = "stand-in"
STAND_INS = (
    *("certbot", "mariadb", "memcached", "nats", "postgresql", "prometheus", "rabbitmq", "uv"),
    "valkey",
)
"""Targets of the Dockerfile, by the names that the manifest of the template gives to images."""
NGINX = {"1.26": "nginx-1.26", "1.30": "nginx"}
"""Version -> target."""
AUTHORITIES = os.environ.get("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt")
START_SECONDS = 30
"""The engine needs less than a second; a busy machine more."""
STOP_SECONDS = 60


@dataclass(frozen=True)
class Engine:
    """A running engine; its clients run beside it, in its mounts and its network."""

    home: Path
    """What is put here, containers can mount under the same path."""
    process: int

    def docker(self, *arguments: str, cwd: Path | None = None, check: bool = True) -> str:
        """Run `docker ARGUMENTS...`; what it printed."""
        done = self.run("docker", *arguments, cwd=cwd)
        if check and done.returncode:
            raise AssertionError(
                f"docker {' '.join(arguments)}:\n{(done.stdout + done.stderr)[-5000:]}"
            )
        return done.stdout if check else done.stdout + done.stderr

    def run(self, *command: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command of the engine's root."""
        environment = {
            "PATH": "/usr/sbin:/usr/bin",
            "HOME": str(self.home),
            "DOCKER_HOST": f"unix://{self.home}/docker.sock",
        }
        inside = ["nsenter", f"--target={self.process}", "--mount", "--net"]
        return subprocess.run(
            [*inside, f"--wdns={cwd or self.home}", "--", *command],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def near(self, *command: str | Path) -> list[str]:
        """Give the command of a program of this machine that sees the engine's network."""
        return ["nsenter", f"--target={self.process}", "--net", "--", *map(str, command)]

    def state(self, container: str) -> Mapping[str, object]:
        """Read the state of a container."""
        (found,) = json.loads(self.docker("inspect", container))
        state: Mapping[str, object] = found["State"]
        return state


@contextmanager
def running(root: Path, home: Path, mode: str) -> Iterator[Engine]:
    """Run the engine with the data of `home`; `mode` is that of engine.sh."""
    for name in ("docker.sock", "dockerd.pid"):
        (home / name).unlink(missing_ok=True)
    with (home / "dockerd.log").open("wb") as log:
        process = subprocess.Popen(
            [str(HERE / "engine.sh"), str(root), str(home), mode],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    engine = Engine(home, process.pid)
    try:
        _wait(engine, process)
        yield engine
    finally:
        _end(process)


def _wait(engine: Engine, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_SECONDS
    while engine.run("docker", "version").returncode:
        if process.poll() is not None or time.monotonic() > until:
            said = (engine.home / "dockerd.log").read_text("utf-8", "replace")
            raise UnavailableError(f"the engine does not start here: {said.strip()[-300:]}")
        time.sleep(0.1)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise
    _forget_groups()


def _forget_groups() -> None:
    """Remove what ended containers leave behind in the kernel: their empty groups."""
    for group in Path("/sys/fs/cgroup").glob(f"*/{GROUP}"):
        for folder, _, _ in os.walk(group, topdown=False):
            with suppress(OSError):  # a process in it is about to end
                Path(folder).rmdir()


@contextmanager
def prepared() -> Iterator[tuple[Path, Path]]:
    """Give the engine's root and its home with the stand-ins; made where they are absent.

    Two engines cannot share the data: another run waits until the block ends.
    """
    kept = debian.CACHE / f"engine-{_version()}"
    root, home = kept / "root", kept / "home"
    kept.mkdir(parents=True, exist_ok=True)
    with kept.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (kept / "ready").exists():
            _check()
            shutil.rmtree(kept)
            home.mkdir(parents=True)
            _make(root, home)
            (kept / "ready").touch()
        yield root, home


def _version() -> str:
    """Name what the root and the images are made of."""
    packages = " ".join([SUITE, *ENGINE, *BASE]).encode()
    files = [path.read_bytes() for path in sorted((HERE / "images").iterdir())]
    return hashlib.sha256(b"".join([packages, *files])).hexdigest()[:16]


def _check() -> None:
    if os.geteuid() != 0:
        raise UnavailableError("an engine of one's own needs root")
    for command in ("nsenter", "unshare", "apt-get", "dpkg-deb"):
        if not shutil.which(command):
            raise UnavailableError(f"this machine has no {command}")


def machine(home: Path) -> Path:
    """Give the files of a small machine that systemd starts, as an archive to be imported."""
    archive = home / "machine.tar"
    if not archive.exists():
        with tempfile.TemporaryDirectory(dir=home) as folder:
            _debootstrap(Path(folder), MACHINE, ("ca-certificates", "dbus", "systemd-sysv"))
            _run("tar", "--create", "--file", f"{archive}.new", "--directory", folder, ".")
        Path(f"{archive}.new").rename(archive)
    return archive


def _debootstrap(target: Path, suite: str, packages: Sequence[str]) -> None:
    scripts = debian.unpack(SUITE, ["debootstrap"])
    _run(
        *("sh", scripts / "usr/sbin/debootstrap", "--variant=minbase"),
        *(f"--include={','.join(packages)}", suite, target, debian.mirror()),
        DEBOOTSTRAP_DIR=str(scripts / "usr/share/debootstrap"),
    )


def _make(root: Path, home: Path) -> None:
    _debootstrap(root, SUITE, BASE)
    # Before the engine comes in: the images are made of this.
    _run("tar", "--create", "--file", home / "debian.tar", "--directory", root, ".")
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
    _run("chroot", root, "apt-get", "-qq", "install", "--no-install-recommends", *ENGINE)
    with running(root, home, "building") as engine:
        engine.docker("import", str(home / "debian.tar"), "debian")
        (home / "debian.tar").unlink()
        context = home / "images"
        shutil.copytree(HERE / "images", context)
        shutil.copy(Path(sys.executable).with_name("uv"), context / "uv")
        shutil.copy(AUTHORITIES, context / "authorities.pem")
        shutil.copytree(debian.nginx_files("1.26"), context / "nginx-1.26", symlinks=True)
        for target in (*STAND_INS, "python", *NGINX.values()):
            name = f"{NAME}/{target}"
            engine.docker(
                "build", "--network=host", f"--target={target}", f"--tag={name}", str(context)
            )
        shutil.rmtree(context)


def _run(*command: str | Path, **environment: str) -> None:
    done = subprocess.run(
        list(map(str, command)),
        env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"} | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise UnavailableError(f"{command[0]}: {(done.stdout + done.stderr).strip()[-300:]}")


if __name__ == "__main__":
    with prepared() as (made, _):
        sys.stdout.write(f"{made}\n")
