"""The chart of the results, as SVG that changes only where figures do."""

from collections.abc import Callable, Mapping
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .figures import Turns, middle, rate
from .launch import Turn
from .ours import RENDERED, SERVERS, WORKERS, case

OURS, OTHER = "#1f6feb", "#8c959f"


def draw(path: Path, row: Turns, pairs: Mapping[str, Turns], servers: Turns) -> None:
    """Write the chart."""
    # Ids would be random and letters paths, both large in a diff.
    mpl.rcParams |= {"svg.hashsalt": "bench", "svg.fonttype": "none", "font.size": 9}
    mpl.rcParams |= {"axes.spines.top": False, "axes.spines.right": False}
    panels = 4 if pairs else 3
    figure = Figure(figsize=(9, 2.2 * panels), layout="constrained")
    axes = figure.subplots(panels, 1)
    _bars(axes[0], row, rate, "One row by its key: requests/s, one worker on one processor")
    _bars(axes[1], row, lambda turn: turn.slowest, "The same: 99th percentile in ms")
    _servers(axes[2], servers)
    if pairs:
        both = {
            f"{route} ({'ours' if name == RENDERED else 'theirs'})": done
            for route, turns in pairs.items()
            for name, done in turns.items()
        }
        _bars(axes[3], both, rate, "Beside other generators: requests/s")
    figure.savefig(path, metadata={"Date": None})


def _bars(axes: Axes, turns: Turns, figure: Callable[[Turn], float], title: str) -> None:
    names = list(turns)
    values = [middle(turns[name], figure) for name in names]
    ours = [name == RENDERED or name.endswith("(ours)") for name in names]
    bars = axes.barh(names, values, color=[OURS if own else OTHER for own in ours])
    axes.bar_label(
        bars, [f"{value:,.0f}" if value >= 100 else f"{value:.1f}" for value in values], padding=3
    )
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.set_title(title, loc="left")


def _servers(axes: Axes, turns: Turns) -> None:
    width = 0.8 / len(WORKERS)
    for index, workers in enumerate(WORKERS):
        values = [middle(turns[case(server, workers)], rate) for server in SERVERS]
        places = [place + index * width for place in range(len(SERVERS))]
        bars = axes.bar(
            places, values, width, label=str(workers), alpha=1 - 0.25 * index, color=OURS
        )
        axes.bar_label(bars, [f"{value:,.0f}" for value in values], fontsize=7)
    axes.set_xticks([place + width for place in range(len(SERVERS))], SERVERS)
    axes.margins(y=0.15)
    axes.legend(title="workers", frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    axes.set_title("The rendered service by server and workers: requests/s", loc="left")
