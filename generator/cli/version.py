"""`fastgen version`."""

from typing import Annotated

import typer

from generator import __version__, console
from generator.template import find_template


def run(
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Show the versions of fastgen and of its template."""
    template = find_template()
    if json:
        found = {"fastgen": __version__, "template": template.commit, "source": template.url}
        console.document(found)
    else:
        console.line(f"fastgen {__version__}")
        console.line(f"template {template.commit or 'unknown'} ({template.url})")
