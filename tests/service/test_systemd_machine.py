"""The guide for systemd, followed as it is written, on a machine whose first process is systemd."""

import json
import re
import shutil
import time
from collections.abc import Iterator

import harness
import pytest
from stack import client, locked, name_stand_ins, started, workshop
from tools import engine
from tools.engine import Engine

pytestmark = [pytest.mark.service, pytest.mark.engine, pytest.mark.nightly]
ADDRESS = "https://demo.example.com"
ANSWERS: dict[str, object] = {
    "deployment": ["compose", "systemd"],
    "http_edge": "nginx",
    "nginx_version": "1.26",
    "tls": "acme",
    "target_rps": 100000,  # the limit of one client is a tenth of it
}
# What systemd needs of a container: its own groups, and leave to mount.
LIKE_A_MACHINE = (
    *("--cgroupns=private", "--cap-add=ALL", "--security-opt=seccomp=unconfined"),
    *(
        "--security-opt=apparmor=unconfined",
        "--tmpfs=/run",
        "--tmpfs=/run/lock",
        "--tmpfs=/tmp:exec",
    ),
)
DOCKERFILE = """\
FROM machine
COPY --from={uv} /uv /usr/local/bin/uv
COPY authorities.pem /usr/local/share/ca-certificates/tests.crt
ENV SSL_CERT_FILE=/usr/local/share/ca-certificates/tests.crt
COPY demo /root/demo
WORKDIR /root/demo
RUN printf '#!/bin/sh\\nexit 101\\n' > /usr/sbin/policy-rc.d && chmod +x /usr/sbin/policy-rc.d
RUN {commands}
RUN rm /usr/sbin/policy-rc.d
CMD ["/sbin/init"]
"""


def blocks(guide: str) -> dict[str, str]:
    """Give the commands of each section of the guide."""
    found = re.findall(r"^## (.+?)\n.*?^```sh\n(.*?)^```", guide, re.M | re.S)
    return {title: commands.replace("\\\n", "") for title, commands in found}


class Machine:
    """A machine that runs the project."""

    def __init__(self, runner: Engine, guide: str) -> None:
        """`guide` is the text that was followed up to the sync of the packages."""
        self.runner = runner
        self.guide = blocks(guide)

    def run(self, script: str) -> str:
        """Run commands in the project's directory, as a person does: each has to succeed."""
        done = self.runner.run("docker", "exec", "machine", "sh", "-exc", script)
        if done.returncode:
            log = self.runner.run("docker", "exec", "machine", "journalctl", "--no-pager", "-n60")
            pytest.fail(f"{done.stdout}{done.stderr[-3000:]}\n{log.stdout}")
        return done.stdout


@pytest.fixture(scope="module", params=["uvicorn", "gunicorn"])
def machine(request: pytest.FixtureRequest) -> Iterator[Machine]:
    """Follow the guide up to a running service behind nginx; a server that takes a socket."""
    with workshop() as (root, home):
        context = home / "projects" / "machine"
        shutil.rmtree(context, ignore_errors=True)
        path = harness.render(context / "demo", server=request.param, **ANSWERS)
        locked(path)
        shutil.copy(engine.AUTHORITIES, context / "authorities.pem")
        guide = (path / "deploy" / "systemd" / "README.md").read_text("utf-8")
        # What needs the internet comes first.
        until_sync, rest = blocks(guide)["Install"].split("install -m 600", 1)
        with engine.running(root, home, "building") as maker:
            uv = name_stand_ins(maker)["uv"]
            maker.docker("import", str(engine.machine(home)), "machine")
            commands = " && ".join(
                line for line in until_sync.splitlines() if line and line[0] != "#"
            )
            (context / "Dockerfile").write_text(DOCKERFILE.format(uv=uv, commands=commands))
            maker.docker("build", "--network=host", "--tag=demo", ".", cwd=context)
        with started(root, home, "demo") as runner:
            publish = ("--publish=80:80", "--publish=443:443", "--name=machine")
            runner.docker("run", "--detach", *LIKE_A_MACHINE, *publish, "demo")
            made = Machine(runner, guide)
            made.run(
                "until systemctl is-system-running | grep -E 'running|degraded'; do sleep 0.2; done"
            )
            made.run("install -m 600" + rest.replace("editor ", "test -f "))
            site = made.guide["nginx"].split("certbot certonly", 1)[0]  # no authority is reached
            made.run(site)
            yield made
        shutil.rmtree(context)


def test_guide_leads_to_a_running_service(machine: Machine) -> None:
    running = machine.run("systemctl list-units --state=running --no-legend --plain 'demo*'")
    assert [line.split()[0] for line in running.splitlines()] == ["demo.service", "demo.socket"]
    with client(machine.runner, "works", ADDRESS) as clients:
        _, error = clients.communicate()
    assert clients.returncode == 0, error


def test_running_service_is_hardened(machine: Machine) -> None:
    told = machine.run("systemd-analyze security --no-pager --threshold=20 demo.service | tail -1")
    assert "OK" in told


def test_restart_loses_no_request(machine: Machine) -> None:
    process = "systemctl show --property=MainPID --value demo.service"
    before = machine.run(process)
    deploy = re.sub(r"^UV_.*\n", "", machine.guide["Deploy a new version"], flags=re.M)  # offline
    with client(machine.runner, "load", ADDRESS) as clients:
        time.sleep(2)
        for _ in range(3):
            machine.run(deploy)
            time.sleep(3)
        told, _ = clients.communicate()
    assert machine.run(process) != before
    reads, writes = json.loads(told)
    assert (set(reads), set(writes)) == ({"200"}, {"201"}), told
    assert machine.run("systemctl list-units --failed --no-legend 'demo*'") == ""


def test_service_ends_regularly(machine: Machine) -> None:
    machine.run("systemctl stop demo.service demo.socket")
    shown = machine.run("systemctl show --property=Result,ExecMainStatus demo.service")
    assert shown.split() == ["Result=success", "ExecMainStatus=0"]
