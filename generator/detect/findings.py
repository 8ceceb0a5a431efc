"""What can be found in a project: answers with their places, and applications."""

from dataclasses import dataclass, field
from typing import Any

from generator.detect.sources import Source


@dataclass(frozen=True)
class Finding:
    """One detected answer and the place that it was read from."""

    key: str
    value: Any
    path: str
    line: int = 1

    @property
    def place(self) -> str:
        """Where it was read, as editors understand it."""
        return f"{self.path}:{self.line}"


@dataclass(frozen=True)
class Application:
    """An application object, or a function that makes one."""

    module: str
    name: str
    directory: str
    """What modules are imported from, relative to the project."""
    factory: bool
    path: str
    line: int

    @property
    def target(self) -> str:
        """How servers name it: `module:name`."""
        return f"{self.module}:{self.name}"


@dataclass
class Detected:
    """The code of a project and its applications."""

    applications: list[Application] = field(default_factory=list)
    sources: list[Source] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    """Files that could not be parsed."""

    @property
    def files(self) -> int:
        """How many files were read."""
        return len(self.sources)


@dataclass
class About:
    """What follows from the choice of an application."""

    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def answers(self) -> dict[str, Any]:
        """Give the detected answers by question."""
        return {finding.key: finding.value for finding in self.findings}
