"""The template that a command records in a project."""

from generator import console
from generator.template import Template, is_edited


def tell_of_edits(template: Template) -> None:
    """Say of a checkout with changes that a project can only record the commit without them."""
    if is_edited(template):
        console.warning(
            f"the template in {template.root} has changes that are not committed: the project "
            f"records {template.commit}, which does not hold them"
        )
