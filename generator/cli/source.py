"""The template that a command records in a project."""

from generator import console
from generator.template import Template


def checked(template: Template) -> Template:
    """Say of a checkout with changes that a project can only record the commit without them."""
    if template.edited and template.commit:
        console.warning(
            f"the template in {template.root} has changes that are not committed: the project "
            f"records {template.commit}, which does not hold them"
        )
    return template
