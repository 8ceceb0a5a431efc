"""Reads a FastAPI or Starlette project that fastgen did not make, without importing its code."""

from pathlib import Path

from generator.detect.applications import applications
from generator.detect.choice import SeveralApplicationsError, about, choose
from generator.detect.code import notes, port
from generator.detect.findings import Application, Detected, Finding
from generator.detect.manifests import packages, tools
from generator.detect.routes import load_paths
from generator.detect.sources import sources

__all__ = [
    "Application",
    "Detected",
    "Finding",
    "SeveralApplicationsError",
    "about",
    "choose",
    "detect",
    "load_paths",
]


def detect(root: Path) -> Detected:
    """Read the project in `root`."""
    files = list(sources(root))
    findings = [*tools(root), *port(root, files), *packages(root)]
    return Detected(applications(files), findings, notes(files), files)
