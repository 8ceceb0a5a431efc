"""systemd units: systemd's own checks, and that they agree with the plan and with each other."""

import configparser
import re
from pathlib import Path

from artefacts import Project
from checkers import exposed, unit_complaints, units


def read(project: Project, suffix: str) -> configparser.ConfigParser:
    """Parse one unit; repeated keys keep their last value."""
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(project.text(f"deploy/systemd/{project.name}{suffix}"))
    return parser


def test_systemd_understands_every_line(machine: Project, tmp_path: Path) -> None:
    assert unit_complaints(units(machine, tmp_path)) == []


def test_units_are_hardened(machine: Project, tmp_path: Path) -> None:
    assert exposed(units(machine, tmp_path)) == []


def test_limits_are_those_of_the_plan(machine: Project) -> None:
    service = read(machine, ".service")["Service"]
    host = machine.production["host"]
    assert service["CPUQuota"] == f"{round(host['cpus'] * 100)}%"
    assert service["MemoryMax"] == f"{host['memory_mb']}M"
    assert int(service["TimeoutStopSec"]) == machine.number("stop_grace")
    assert int(service["LimitNOFILE"]) == machine.number("nofile")
    assert machine.settings()["server"]["graceful_timeout"] < int(service["TimeoutStopSec"])


def test_socket_is_where_nginx_asks(machine: Project) -> None:
    path = machine.root / "deploy" / "systemd" / f"{machine.name}.socket"
    assert path.exists() == (machine.answers["server"] != "granian")
    if path.exists():
        socket = read(machine, ".socket")["Socket"]
        assert socket["ListenStream"] == "127.0.0.1:8000"
        assert int(socket["Backlog"]) == machine.number("backlog")
        assert read(machine, ".service")["Unit"]["Requires"] == path.name
    upstream = machine.root / "deploy" / "systemd" / "upstream.conf"
    assert upstream.exists() == (machine.answers["http_edge"] == "nginx")
    if upstream.exists():
        assert re.search(r"^    server 127\.0\.0\.1:8000 max_fails=0 ", upstream.read_text(), re.M)


def test_units_run_what_the_guide_installs(machine: Project) -> None:
    guide = machine.text("deploy/systemd/README.md")
    service = read(machine, ".service")["Service"]
    assert service["WorkingDirectory"] == f"/opt/{machine.name}"
    assert f"--directory {service['WorkingDirectory']} " in guide
    assert f"/etc/{machine.name}/environment" == service["EnvironmentFile"]
    assert service["EnvironmentFile"] in guide
    for path in (machine.root / "deploy" / "systemd").glob("*-migrate.service"):
        assert f"systemctl start {path.name}" in guide
        module = read(machine, "-migrate.service")["Service"]["ExecStart"].split()[-1]
        assert (machine.root / f"{module.replace('.', '/')}.py").is_file()


def test_writable_file_lies_in_the_state_directory(machine: Project) -> None:
    state = read(machine, ".service")["Service"]["StateDirectory"]
    for address in re.findall(
        r"sqlite\S+:///(\S+)", machine.text("deploy/systemd/environment.example")
    ):
        if address.startswith("/"):
            assert address.startswith(f"/var/lib/{state}/")
