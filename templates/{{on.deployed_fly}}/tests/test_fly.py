"""`fly.toml` agrees with the settings of production."""

import re
import tomllib

from deployment import ROOT, numbers
from hosted import Instance, check

CONFIG = tomllib.loads((ROOT / "fly.toml").read_text(encoding="utf-8"))


def test_machines_are_what_the_plan_counts_with() -> None:
    (machine,) = [one for one in CONFIG["vm"] if "app" in one["processes"]]
    guide = (ROOT / "deploy" / "fly" / "README.md").read_text(encoding="utf-8")
    scaled = re.search(r"fly scale count app=(\d+)", guide)
    assert scaled
    assert CONFIG["http_service"]["min_machines_running"] <= int(scaled[1])
    check(
        Instance(
            cpus=machine["cpus"],
            memory_mb=machine["memory_mb"],
            most=int(scaled[1]),
            grace=CONFIG["kill_timeout"],
            variables=CONFIG["env"],
        )
    )


def test_machines_get_no_more_requests_than_they_answer() -> None:
    server = numbers("production")["server"]
    limits = CONFIG["http_service"]["concurrency"]
    assert limits["type"] == "requests"
    most = server["workers"] * server["max_in_flight"]
    assert limits["soft_limit"] <= limits["hard_limit"] <= most


def test_they_are_told_to_stop_by_the_signal_that_drains() -> None:
    assert CONFIG["kill_signal"] == "SIGTERM"
