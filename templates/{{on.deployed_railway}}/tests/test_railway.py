"""The files of Railway agree with the settings of production."""

import json
import re

from deployment import ROOT, numbers, unknown
from hosted import check_connections, check_stop

GUIDE = (ROOT / "deploy" / "railway" / "README.md").read_text(encoding="utf-8")


def test_the_service_is_what_the_plan_counts_with() -> None:
    deploy = json.loads((ROOT / "railway.json").read_text(encoding="utf-8"))["deploy"]
    check_connections(deploy["numReplicas"])
    check_stop(deploy["drainingSeconds"], {})
    limits = re.search(r"limit a replica to ([0-9.]+) CPU", GUIDE)
    assert limits
    assert float(limits[1]) == numbers("production")["server"]["planned_cpus"]


def test_what_the_guide_sets_is_read() -> None:
    variables = set(re.findall(r"--set '(APP_\w+)=", GUIDE))
    assert "APP_ENVIRONMENT" in variables
    assert unknown(variables) == set()
