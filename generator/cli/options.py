"""`fastgen options`."""

from typing import Annotated

import typer

from generator import console
from generator.answers import display
from generator.questions import Catalog, Question, load_catalog
from generator.template import find_template


def run(
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown tables.")] = False,
    template: Annotated[
        str | None, typer.Option("--template", metavar="URL", help="Another template.")
    ] = None,
) -> None:
    """List every question: its choices (the default first), default and meaning."""
    catalog = load_catalog(find_template(template).root)
    if json:
        console.document(_document(catalog))
    elif markdown:
        _markdown(catalog)
    else:
        _tables(catalog)


def _document(catalog: Catalog) -> dict[str, object]:
    questions = [
        {
            "key": question.key,
            "flags": list(question.flags),
            "type": question.type,
            "help": question.help,
            "group": question.group,
            "multiselect": question.multiselect,
            "choices": [{"value": c.value, "label": c.label} for c in question.choices],
            "default": question.default,
            "when": question.when,
        }
        for question in catalog.asked
    ]
    presets = {p.name: {"help": p.help, "answers": p.answers} for p in catalog.presets.values()}
    return {"questions": questions, "presets": presets}


def _allowed(question: Question) -> str:
    """Tell what the question takes, in a few words."""
    if question.choices:
        values = ", ".join(str(choice.value) for choice in question.choices)
        return f"any of {values}" if question.multiselect else values
    kinds = {"int": "a whole number", "float": "a number", "bool": "yes, no"}
    return kinds.get(question.type, "text")


def _default(question: Question) -> str:
    """Show the default; one that follows from other answers is told as such."""
    if isinstance(question.default, str) and "{" in question.default:
        return "from the other answers"
    return display(question.default) if question.default != "" else ""


def _tables(catalog: Catalog) -> None:
    columns = ("key", "values", "default", "meaning")
    for group in catalog.groups:
        rows = [(q.key, _allowed(q), _default(q), q.help) for q in group.questions]
        console.table(group.title, columns, rows)
    presets = [
        (p.name, p.help, ", ".join(f"{k}={display(v)}" for k, v in p.answers.items()))
        for p in catalog.presets.values()
    ]
    console.table("Presets", ("name", "meaning", "answers"), presets)


def _markdown(catalog: Catalog) -> None:
    console.line("| key | values | default | meaning |")
    console.line("|---|---|---|---|")
    for question in catalog.asked:
        cells = (_code(_allowed(question), question), _default(question), question.help)
        row = " | ".join(cell.replace("|", "\\|") for cell in cells)
        console.line(f"| `{question.key}` | {row} |")


def _code(allowed: str, question: Question) -> str:
    if not question.choices:
        return allowed
    return ", ".join(f"`{choice.value}`" for choice in question.choices)
