"""What the checkers of deployment files find in them: nothing, where all is well."""

import json
import re
import shutil
import stat
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from artefacts import NginxTree, Project, run, tool

ENVIRONMENTS = ("staging", "production")
"""Those that have an overlay of Kustomize."""
KUBERNETES = "1.34"
WITHOUT_SCHEMA = {"HTTPRoute", "ScaledObject"}
"""Kinds of extensions, whose schemas are not in the checker: it passes them with a warning."""
NOTHING = r"(?!)"
WORKERS = r"\.\S+-(worker|scheduler)$"
UNFOLLOWED = {
    "CKV_K8S_11": "",  # no CPU limit: a throttled event loop answers nobody
    "CKV_K8S_43": "",  # images are named by release: a digest is known only after the build
    # What runs jobs answers no requests: it ends when it cannot work, and is started again.
    "CKV_K8S_8": WORKERS,
    "CKV_K8S_9": WORKERS,
}
"""Checks of checkov that are not followed -> in which objects."""
MOST_EXPOSED = 20
"""Tenths of `systemd-analyze security`'s exposure level, 0 to 100."""


def nginx_complaints(nginx: Sequence[str], tree: NginxTree) -> list[str]:
    """Let nginx read its configuration: what it says, warnings too."""
    done = run([*nginx, "-t", "-e", "stderr", "-p", tree.root, "-c", "nginx.conf"], tree.root)
    said = [line for line in done.stderr.splitlines() if "[" in line]
    # A hard limit of this machine below the planned one says nothing about the file.
    complaints = [line for line in said if "RLIMIT_NOFILE" not in line]
    assert complaints or done.returncode == 0, done.stderr
    return complaints


def nginx_weaknesses(trees: Sequence[NginxTree]) -> list[Any]:
    """Let gixy look for known weaknesses.

    The trees are to have the project's own ports: it takes every port with the digits 443 in it for
    TLS, 14430 too.
    """
    files = [tree.root / "nginx.conf" for tree in trees]
    done = run([tool("gixy"), "--format", "json", *files], trees[0].root)
    found: list[Any] = json.loads(done.stdout)
    return found


def compose_complaints(compose: Sequence[str], project: Project) -> list[str]:
    """Let Docker Compose read both stacks, the second one also with what starts only when asked for."""
    said = []
    for options in (["--file", "compose.yaml"], [], ["--profile", "*"]):
        done = run([*compose, *options, "config", "--quiet"], project.root)
        said += done.stderr.splitlines()
        assert said or done.returncode == 0
    return said


def units(project: Project, folder: Path) -> list[Path]:
    """Copy the systemd units to `folder`, with programs that exist on this machine."""
    found = []
    program = folder / "python"
    program.touch()
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    for path in sorted((project.root / "deploy" / "systemd").glob("*.s*")):
        copy = Path(shutil.copy(path, folder))
        text = copy.read_text("utf-8")
        copy.write_text(re.sub(r"^(ExecStart=)\S+", rf"\g<1>{program}", text, flags=re.M), "utf-8")
        found.append(copy)
    return found


def unit_complaints(files: Sequence[Path]) -> list[str]:
    """Let systemd read the units of one machine: what it says."""
    done = run([tool("systemd-analyze"), "verify", *files], files[0].parent)
    # It exits with 0 for keys that it ignores, but says so.
    complaints = done.stderr.strip().splitlines()
    assert complaints or done.returncode == 0
    return complaints


def exposed(files: Sequence[Path]) -> list[str]:
    """Name the services that `systemd-analyze security` holds for too exposed, with its verdict."""
    command = [tool("systemd-analyze"), "security", "--offline=yes", "--no-pager"]
    found = []
    for path in files:
        if path.suffix == ".service":
            done = run([*command, f"--threshold={MOST_EXPOSED}", path], path.parent)
            if done.returncode:
                found.append(f"{path}: {(done.stdout + done.stderr)[-300:]}")
    return found


@cache
def built(project: Project, environment: str) -> str:
    """Build an overlay of Kustomize."""
    return kustomized(project.root / "deploy" / "kubernetes" / "overlays" / environment)


def kustomized(folder: Path) -> str:
    """Build a folder of Kustomize."""
    done = run([tool("kubectl", required_in_ci=False), "kustomize", folder], folder)
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return done.stdout


def with_autoscaler(project: Project, folder: Path) -> Path:
    """Copy the manifests to `folder`, their production with KEDA's component; its overlay."""
    copy = shutil.copytree(project.root / "deploy" / "kubernetes", folder / "kubernetes")
    overlay = copy / "overlays" / "production"
    with (overlay / "kustomization.yaml").open("a") as file:
        file.write("components: [../../keda]\n")
    return overlay


def written(manifests: Iterable[str], folder: Path) -> Path:
    """Write the different objects of built manifests into `folder`, a file for each."""
    documents = [one for text in manifests for one in re.split(r"^---\n", text, flags=re.M)]
    for number, text in enumerate(dict.fromkeys(documents)):
        (folder / f"{number}.yaml").write_text(text, "utf-8")
    return folder


def schema_complaints(folder: Path) -> list[str]:
    """Check the objects in a folder against the schemas of the API: what is wrong with them."""
    paths = sorted(folder.glob("*.yaml"))
    done = run([tool("kubernetes-validate"), "--strict", "-k", KUBERNETES, *paths], folder)
    said = (done.stdout + done.stderr).splitlines()
    complaints = [
        line
        for line in said
        if not line.startswith("INFO") and not any(f" {kind} " in line for kind in WITHOUT_SCHEMA)
    ]
    assert complaints or done.returncode == 0
    return complaints


def checkov_findings(folder: Path, *frameworks: str) -> list[str]:
    """Let checkov look at the files below a folder: what it finds and has no reason to be so."""
    command = [tool("checkov"), "--skip-download", "--compact", "--quiet", "--output", "json"]
    done = run([*command, "--framework", *frameworks, "--directory", folder], folder)
    told: list[Any] | Any = json.loads(done.stdout)
    results = told if isinstance(told, list) else [told]
    assert {result["check_type"]: result["summary"]["parsing_errors"] for result in results} == (
        dict.fromkeys(frameworks, 0)
    )
    return [
        f"{check['check_id']} {check['check_name']}: {check['file_path']} {check['resource']}"
        for result in results
        for check in result["results"]["failed_checks"]
        if not re.search(UNFOLLOWED.get(check["check_id"], NOTHING), check["resource"])
    ]


def prometheus_complaints(folder: Path, *words: str) -> str:
    """Run promtool in a folder: what it says where it is not content."""
    done = run([tool("promtool"), *words], folder)
    return done.stdout + done.stderr if done.returncode else ""


def configuration_complaints(folder: Path) -> str:
    """Let promtool read Prometheus' files in a folder."""
    return prometheus_complaints(folder, "check", "config", "prometheus.yml")


def rule_complaints(folder: Path) -> str:
    """Let promtool run the tests of the rules in a folder; takes seconds."""
    return prometheus_complaints(folder, "test", "rules", "rules.test.yml")


def queries(board: Mapping[str, Any]) -> list[str]:
    """Read what the panels of a dashboard ask."""
    return [target["expr"] for panel in panels(board) for target in panel["targets"]]


def panels(board: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Read the panels of a dashboard, without the titles of its rows."""
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def query_complaints(asked: Sequence[str], folder: Path) -> str:
    """Let promtool read expressions: it does so in rules alone."""
    rules = [{"record": f"panel_{number}", "expr": expr} for number, expr in enumerate(asked)]
    (folder / "panels.yml").write_text(json.dumps({"groups": [{"name": "a", "rules": rules}]}))
    return prometheus_complaints(folder, "check", "rules", "panels.yml")
