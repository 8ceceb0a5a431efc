"""The units agree with the settings of production."""

import re
from configparser import ConfigParser

from deployment import ROOT, numbers, unknown

UNITS = ROOT / "deploy" / "systemd"
SERVER = numbers("production")["server"]


def section(name: str) -> dict[str, str]:
    """The `[Service]` of a unit; of a key that is repeated the last one."""
    parser = ConfigParser(strict=False, interpolation=None)
    parser.read(UNITS / name, encoding="utf-8")
    return dict(parser["Service"])


def test_the_unit_has_what_the_workers_need() -> None:
    service = section("demo.service")
    assert float(service["cpuquota"].removesuffix("%")) == round(SERVER["planned_cpus"] * 100)
    needed = SERVER["workers"] * SERVER["worker_memory_mb"]
    assert int(service["memorymax"].removesuffix("M")) >= needed
    assert int(service["tasksmax"]) > SERVER["workers"] * SERVER["threads"]
    assert SERVER["graceful_timeout"] < int(service["timeoutstopsec"])


def test_what_is_set_is_read() -> None:
    example = (UNITS / "environment.example").read_text(encoding="utf-8")
    variables = set(re.findall(r"^(?:# )?(APP_\w+)=", example, re.MULTILINE))
    for unit in UNITS.glob("*.service"):
        name, _, value = section(unit.name)["environment"].partition("=")
        variables.add(name)
        assert value == "production"
    assert unknown(variables) == set()
