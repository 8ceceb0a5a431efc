"""Showing a plan: numbers of all environments, their reasons, the connection budget."""

from collections.abc import Mapping
from typing import Any

from generator import console
from generator.errors import ExitCode, FastgenError

ABSENT = "-"


def show_plan(plan: Mapping[str, Any], why: str | None = None, *, to_stderr: bool = False) -> None:
    """Print the numbers side by side, with the reasons of the environment `why` if one is named."""
    environments: Mapping[str, Any] = plan["environments"]
    names = tuple(environments)
    reasons = (f"why ({why})",) if why else ()
    columns, rows = ("number", *names, *reasons), _rows(environments, why)
    console.table("Plan", columns, rows, to_stderr=to_stderr, right=names)
    _budgets(environments, to_stderr=to_stderr)
    for name, environment in environments.items():
        for problem in environment["warnings"]:
            console.warning(f"{name}: {problem['message']}")


def refuse(plan: Mapping[str, Any]) -> None:
    """Raise the first refusal of a plan that cannot work, with its ways out as the hint."""
    for name, environment in plan["environments"].items():
        for error in environment["errors"]:
            ways = "; or ".join(fix["text"] for fix in error["fixes"])
            raise FastgenError(f"{name}: {error['message']}", ways, ExitCode.USAGE)


def _rows(environments: Mapping[str, Any], why: str | None) -> list[tuple[str, ...]]:
    """Give one row per host value and per number, in the plan's own order."""
    hosts = [environment["host"] for environment in environments.values()]
    sets = [environment["numbers"] for environment in environments.values()]
    rows = [
        (key, *(_shown(host.get(key)) for host in hosts), *([""] if why else []))
        for key in ("cpus", "memory_mb", "replicas")
    ]
    for name in dict.fromkeys(name for numbers in sets for name in numbers):
        values = (_shown(numbers[name]["value"] if name in numbers else None) for numbers in sets)
        reason = [environments[why]["numbers"].get(name, {}).get("why", "")] if why else []
        rows.append((name, *values, *reason))
    return rows


def _shown(value: object) -> str:
    if value is None:
        return ABSENT
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _budgets(environments: Mapping[str, Any], *, to_stderr: bool) -> None:
    """Draw how each environment divides its database's connections."""
    budgets = {
        name: environment["budget"]
        for name, environment in environments.items()
        if (environment.get("budget") or {}).get("limit")
    }
    if not budgets:
        return
    console.text("Database connections (at the peak of a rolling deployment)", to_stderr=to_stderr)
    for name, budget in budgets.items():
        reserved = budget["reserved"] + budget["headroom"]
        used = budget["limit"] - reserved - budget["free"]
        parts = {"used": used, "reserved": reserved, "free": budget["free"]}
        console.bar(name, parts, budget["limit"], to_stderr=to_stderr)
