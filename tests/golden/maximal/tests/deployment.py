"""What the tests of deployment files share: the numbers of an environment, and the names of settings."""

import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from app.settings import ENVIRONMENTS, Settings

ROOT = Path(__file__).parent.parent


def numbers(environment: str) -> dict[str, Any]:
    """The settings of an environment as its file has them, whatever is set on this machine."""
    return tomllib.loads((ENVIRONMENTS / f"{environment}.toml").read_text(encoding="utf-8"))


def unknown(variables: set[str]) -> set[str]:
    """Those of the variables that the service does not read."""
    return {variable for variable in variables if not _is_setting(variable)}


def _is_setting(variable: str) -> bool:
    prefix, _, path = variable.partition("_")
    kind: Any = Settings
    for name in path.lower().split("__"):
        if not isinstance(kind, type) or not issubclass(kind, BaseModel):
            return False
        field = kind.model_fields.get(name)
        if field is None:
            return False
        kind = field.annotation
    return prefix == "APP"
