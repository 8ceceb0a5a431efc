"""Draw the rendered dashboard from a real run: `python bench/dashboard.py` writes docs/dashboard.png.

A service with two workers, its queue worker, PostgreSQL, Redis and a Prometheus with the rendered
configuration run for four minutes under the rendered load test, with a burst of requests in between.
Each panel of the rendered `service.json` is drawn at its place, over minutes, from the answers to its
own queries; the drawing is matplotlib's, not Grafana's. Needs Prometheus and the group `bench`.
"""

import json
import re
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request
from pathlib import Path
from textwrap import wrap
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "tests" / "service"), str(ROOT / "tests")]

import matplotlib as mpl  # noqa: E402 - the tests' modules are found through the path above
from harness import Project, Server  # noqa: E402
from load import load  # noqa: E402
from matplotlib.axes import Axes  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402
from matplotlib.ticker import EngFormatter, PercentFormatter  # noqa: E402
from test_observability import watched  # noqa: E402

SECONDS = 240
BURST_AFTER, BURST_SECONDS, BURST_CLIENTS = 90, 20, 64
STEP_SECONDS = 2
LEGENDS = 6
"""Lines that a legend names; more would hide them."""
COLUMNS, ROW_INCHES = 24, 0.24
"""The grid of Grafana."""
UNITS = {
    "s": EngFormatter("s"),
    "bytes": EngFormatter("B"),
    "percentunit": PercentFormatter(1),
    "reqps": EngFormatter("/s"),
}
PICTURE = ROOT / "docs" / "dashboard.png"

Series = tuple[dict[str, str], list[tuple[float, str]]]


def series(address: str, expression: str, start: float) -> list[Series]:
    """The values of an expression from `start` until now: labels, then (time, value)."""
    asked = {"query": expression, "start": start, "end": time.time(), "step": STEP_SECONDS}
    query = urllib.parse.urlencode(asked)
    with urllib.request.urlopen(f"{address}/api/v1/query_range?{query}") as answer:  # noqa: S310
        found = json.load(answer)["data"]["result"]
    return [(one["metric"], one["values"]) for one in found]


def legend(template: str, labels: dict[str, str]) -> str:
    """Grafana's legend: each `{{label}}` is the label's value, nothing where it has none."""
    return re.sub(r"{{(\w+)}}", lambda found: labels.get(found[1], ""), template).strip()


def draw_panel(axes: Axes, panel: dict[str, Any], address: str, start: float) -> None:
    """Draw what the panel's queries find, and its target where it has one."""
    for target in panel["targets"]:
        for labels, values in series(address, target["expr"], start):
            moments = [(moment - start) / 60 for moment, _ in values]
            figures = [float(value) for _, value in values]
            axes.plot(moments, figures, label=legend(target["legendFormat"], labels), linewidth=1.2)
    shown = panel["fieldConfig"]["defaults"]
    for step in shown.get("thresholds", {}).get("steps", []):
        if step["value"] is not None:
            axes.axhline(step["value"], color="tab:red", linewidth=0.8, linestyle="--")
    axes.set_ylim(bottom=0)
    axes.set_xlim(0, SECONDS / 60)
    if shown["unit"] in UNITS:
        axes.yaxis.set_major_formatter(UNITS[shown["unit"]])
    axes.set_title("\n".join(wrap(panel["title"], 52)), loc="left", fontsize=7)
    named = zip(*axes.get_legend_handles_labels(), strict=True)
    shown_lines = [line for line, label in named if label][:LEGENDS]
    if shown_lines:
        axes.legend(handles=shown_lines, fontsize=5, frameon=False, loc="upper left")


def draw(board: dict[str, Any], address: str, start: float) -> None:
    """Draw every panel at its place in the grid."""
    mpl.rcParams |= {"axes.spines.top": False, "axes.spines.right": False, "font.size": 6}
    height = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in board["panels"])
    figure = Figure(figsize=(11, height * ROW_INCHES), dpi=100)
    for panel in board["panels"]:
        place = panel["gridPos"]
        left, bottom = place["x"] / COLUMNS, 1 - (place["y"] + place["h"]) / height
        if panel["type"] == "row":
            figure.text(0.01, bottom + 0.2 / height, panel["title"], fontsize=9, weight="bold")
        else:
            # Round the axes a panel has room for its title and the marks of its scales.
            box = (left + 0.045, bottom + 1 / height, place["w"] / COLUMNS - 0.06, 4.3 / height)
            draw_panel(figure.add_axes(box), panel, address, start)
    figure.savefig(PICTURE, metadata={"Software": None})


def press(made: Project, server: Server) -> None:
    """The rendered load test as long as the run, and a burst in between."""

    def burst() -> None:
        time.sleep(BURST_AFTER)
        with load(server.address, "/products/reviewed", BURST_CLIENTS):
            time.sleep(BURST_SECONDS)

    beside = threading.Thread(target=burst)
    beside.start()
    pace = {"LOADTEST_RAMP_SECONDS": "20", "LOADTEST_SECONDS": str(SECONDS)}
    pace["LOADTEST_REQUESTS_PER_SECOND"] = "40"
    sys.stdout.write(made.run("loadtest", "--url", server.address, check=False, **pace))
    beside.join()


def main() -> None:
    """Run everything and write the picture."""
    with (
        tempfile.TemporaryDirectory() as folder,
        watched(Path(folder) / "demo", 901) as (made, server, address),
    ):
        start = time.time()
        press(made, server)
        board = json.loads((made.path / "deploy/grafana/dashboards/service.json").read_text())
        draw(board, address, start)
    sys.stdout.write(f"wrote {PICTURE.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
