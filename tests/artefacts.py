"""What the tests of deployment files share: rendered projects, tools, nginx in a folder."""

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from combinations import working_tree
from tools import debian

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent


class Project:
    """One rendered project and its files, parsed."""

    def __init__(self, root: Path, answers: Mapping[str, Any]) -> None:
        """`answers` are all of them, the computed ones included."""
        self.root = root
        self.answers = answers
        self.name: str = answers["project_name"]

    @property
    def production(self) -> Mapping[str, Any]:
        """The plan of the production environment."""
        plan: Mapping[str, Any] = self.answers["plan"]["environments"]["production"]
        return plan

    def number(self, name: str) -> Any:  # noqa: ANN401 - int, float or bool, as the plan says
        """Give a number of the production plan."""
        return self.production["numbers"][name]["value"]

    def text(self, path: str) -> str:
        """Read a file."""
        return (self.root / path).read_text(encoding="utf-8")

    def yaml(self, path: str) -> Any:  # noqa: ANN401 - any document
        """Read a YAML file."""
        return yaml.safe_load(self.text(path))

    def settings(self, environment: str = "production") -> dict[str, Any]:
        """Read the numbers of the service in `environment`."""
        return tomllib.loads(self.text(f"app/environments/{environment}.toml"))


@cache
def _render(items: tuple[tuple[str, str], ...]) -> Project:
    destination = Path(tempfile.mkdtemp(prefix="fastgen-project-"))
    data: dict[str, Any] = {"project_name": "demo"}
    data.update({key: yaml.safe_load(value) for key, value in items})
    return Project(destination, working_tree(destination, data))


def render(**answers: object) -> Project:
    """Render a project with `answers` and defaults; each combination once per process."""
    return _render(tuple(sorted((key, yaml.safe_dump(value)) for key, value in answers.items())))


def tool(name: str, *, required_in_ci: bool = True) -> str:
    """Find a program; the test is skipped where it is absent (fails in CI if it must be)."""
    for folder in (BIN, ROOT / ".venv-checkov" / "bin", None):
        path = f"{folder}{os.pathsep}" if folder else os.environ["PATH"] + ":/usr/sbin"
        if found := shutil.which(name, path=path):
            return found
    if required_in_ci and os.environ.get("CI"):
        pytest.fail(f"{name} is not installed")
    pytest.skip(f"{name} is not installed")


def run(
    command: Sequence[str | Path], cwd: Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a checker; the caller looks at the exit code and at what it said."""
    return subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def nginx_command(version: str) -> list[str]:
    """Nginx of that version; skipped where it cannot be had."""
    return _had(partial(debian.nginx, version))


def compose_command() -> list[str]:
    """Docker Compose; skipped where it cannot be had."""
    return _had(debian.compose)


def _had(command: Callable[[], list[str]]) -> list[str]:
    try:
        return command()
    except debian.UnavailableError as error:
        pytest.skip(str(error))


def free_port() -> int:
    """Find a port that nothing listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


MACHINE = """\
worker_processes auto;
events {{
}}
http {{
    include mime.types;
{site}}}
"""
"""The main file of an nginx that is installed on a machine, in short."""


class NginxTree:
    """The nginx files of a project in a folder of the test, so that nginx can read and run them.

    Only what belongs to the machine is rewritten: folders, ports below 1024 and the name of the
    service; a certificate is made.
    """

    def __init__(
        self,
        project: Project,
        root: Path,
        upstream: str = "127.0.0.1:8000",
        *,
        own_ports: bool = False,
        on_machine: bool = False,
    ) -> None:
        """Write the tree below `root`; the service answers at `upstream`.

        With `own_ports` the ports stay as they are in the project: to be read, not run. With
        `on_machine` the files lie as the guide for a machine without containers puts them.
        """
        self.root = root
        ports = ("80", "443", "8081")
        self.ports = {port: int(port) if own_ports else free_port() for port in ports}
        own = shutil.copytree(project.root / "deploy" / "nginx", root / project.name)
        if on_machine:
            _beside_others(project, own)
        for folder in ("certificates", "logs", "tmp", "acme"):
            (root / folder).mkdir()
        (root / "mime.types").write_text("types { text/html html; text/css css; text/plain txt; }")
        certificate(root / "certificates", project.answers["domain"])
        for path in own.glob("*.conf"):
            path.write_text(self._local(path.read_text("utf-8"), upstream), "utf-8")
        shutil.move(own / "nginx.conf", root / "nginx.conf")

    def command(self, nginx: Sequence[str]) -> list[str]:
        """Give the command that runs `nginx` in the foreground."""
        # Worker processes of a master that is root would be somebody who cannot read the test's folder.
        user = "user root;" if os.geteuid() == 0 else ""
        options = ["-e", "stderr", "-p", str(self.root), "-c", "nginx.conf"]
        return [*nginx, *options, "-g", f"daemon off; {user}"]

    def _local(self, text: str, upstream: str) -> str:
        folders = {
            "/etc/nginx/": "",
            "/var/log/nginx/": "logs/",
            "/var/www/acme": "acme",
            "/tmp/": "tmp/",  # noqa: S108 - the path inside of the container
        }
        absolute = "|".join(map(re.escape, folders))
        text = re.sub(
            rf"(?<=\s)({absolute})", lambda match: f"{self.root}/{folders[match[1]]}", text
        )
        for port, local_port in self.ports.items():
            text = re.sub(rf"(listen (?:\S+:)?){port}\b", rf"\g<1>{local_port}", text)
        return re.sub(r"server app:8000(.*?)( resolve)?;", rf"server {upstream}\1;", text)


def _beside_others(project: Project, own: Path) -> None:
    """Put the site into an nginx of a machine, whose main file is not of the project."""
    for path in (project.root / "deploy" / "systemd").glob("*.conf"):
        shutil.copy(path, own)
    site = (own / "nginx-site.conf").read_text("utf-8")
    (own / "nginx.conf").write_text(MACHINE.format(site=site), "utf-8")


def certificate(folder: Path, domain: str) -> None:
    """Write a self-signed certificate and its key."""
    both = _certificate(domain)
    (folder / "privkey.pem").write_text(both)
    (folder / "fullchain.pem").write_text(both)


@cache
def _certificate(domain: str) -> str:
    done = subprocess.run(
        [
            *(tool("openssl"), "req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"),
            *("-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", "/CN=test"),
            *("-addext", f"subjectAltName=DNS:{domain}", "-keyout", "-", "-out", "-"),
        ],
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


def directives(parsed: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """Every directive of a crossplane result with its arguments, inner ones after their block."""
    for file in parsed["config"]:
        yield from _walk(file["parsed"])


def _walk(block: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, list[str]]]:
    for item in block:
        yield item["directive"], list(item["args"])
        yield from _walk(item.get("block", ()))


def wait_for_port(port: int, process: subprocess.Popen[bytes], seconds: float = 30) -> None:
    """Wait until something listens; fails when the process ends before."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        assert process.poll() is None, f"ended with {process.returncode} before it listened"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail(f"nothing listens on port {port} after {seconds} seconds")


@contextmanager
def started(
    command: Sequence[str | Path], cwd: Path, port: int, **environment: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the end of the block; it gets SIGTERM and time to leave."""
    with (cwd / "output.log").open("ab") as log:
        process = subprocess.Popen(
            [str(word) for word in command],
            cwd=cwd,
            env=os.environ | environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_for_port(port, process)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
