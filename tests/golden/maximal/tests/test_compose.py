"""compose.yaml agrees with the settings of production."""

import shutil
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import yaml
from deployment import ROOT, numbers, unknown

STACK = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
SERVICES = STACK["services"]
APP = SERVICES["app"]
PRODUCTION = numbers("production")


def test_the_container_has_what_the_workers_need() -> None:
    limits, server = APP["deploy"]["resources"]["limits"], PRODUCTION["server"]
    assert float(limits["cpus"]) == server["planned_cpus"]
    needed = server["workers"] * server["worker_memory_mb"]
    assert int(limits["memory"].removesuffix("M")) >= needed
    assert limits["pids"] > server["workers"] * server["threads"]


def test_requests_end_before_the_container_is_killed() -> None:
    seconds = int(APP["stop_grace_period"].removesuffix("s"))
    assert PRODUCTION["server"]["graceful_timeout"] < seconds


def test_what_is_set_is_read() -> None:
    for name, service in SERVICES.items():
        if "build" in service:
            files = {secret["target"] for secret in service.get("secrets", [])}
            assert unknown(set(service["environment"]) | files) == set(), name
            assert service["environment"]["APP_ENVIRONMENT"] == "production"


def test_addresses_are_those_of_the_stack(tmp_path: Path) -> None:
    shutil.copy(ROOT / "deploy" / "secrets.sh", tmp_path)
    (tmp_path / "secrets").mkdir()
    subprocess.run(["/bin/sh", tmp_path / "secrets.sh"], check=True)  # noqa: S603
    made = {file.name: file.read_text() for file in (tmp_path / "secrets").iterdir()}
    assert set(made) == set(STACK["secrets"])
    addresses = [urlsplit(text) for text in made.values() if "://" in text]
    assert {address.hostname for address in addresses} <= set(SERVICES)
    (name,) = {one.path[1:] for one in addresses if one.scheme in {"postgresql", "mysql"}}
    environment = SERVICES["database"]["environment"]
    assert name in {environment.get("POSTGRES_DB"), environment.get("MARIADB_DATABASE")}


def test_the_fleet_fits_the_database() -> None:
    allowed = int(SERVICES["database"]["command"][-1].rpartition("=")[2])
    budget = PRODUCTION["database"]
    assert budget["fleet_connections"] < allowed
    opened = APP["deploy"]["replicas"] * budget["connections_per_replica"]
    assert opened <= budget["fleet_connections"]
