"""The mistakes that `make mutations` makes fit the templates of today."""

from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
MUTATIONS = yaml.safe_load((ROOT / "tests/mutations/mutations.yml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("mutation", MUTATIONS, ids=[one["name"] for one in MUTATIONS])
def test_a_mistake_can_be_made(mutation: dict[str, str]) -> None:
    """Its text stands in the template exactly once: a text that has moved on would end the run."""
    text = (ROOT / "templates" / mutation["file"]).read_text(encoding="utf-8")
    assert text.count(mutation["replace"]) == 1
