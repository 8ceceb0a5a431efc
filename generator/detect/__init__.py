"""Reads a FastAPI or Starlette project that fastgen did not make, without importing its code."""

from collections.abc import Sequence
from pathlib import Path

from generator.detect import code, debian, manifests, pythons, services
from generator.detect.applications import applications
from generator.detect.choice import (
    SeveralApplicationsError,
    choose,
    health,
    load_paths,
    routes_of,
    unread,
)
from generator.detect.findings import About, Application, Detected, Finding
from generator.detect.manifests import check_installable
from generator.detect.sources import sources

OF_THE_APPLICATION = frozenset(
    {
        *("app_path", "app_dir", "app_factory", "app_port", "health_path", "load_paths"),
        *("requirements_files", "uv_package", "python_version"),
    }
)
"""Answers that another application of the same project may not share."""

__all__ = [
    "OF_THE_APPLICATION",
    "About",
    "Application",
    "Detected",
    "Finding",
    "SeveralApplicationsError",
    "about",
    "check_installable",
    "choose",
    "detect",
]


def detect(root: Path) -> Detected:
    """Read the code of the project in `root`."""
    unreadable: list[str] = []
    files = list(sources(root, unreadable))
    return Detected(applications(files), files, unreadable)


def about(detected: Detected, application: Application, root: Path, images: Sequence[str]) -> About:
    """Tell what follows from the choice of the application; `images` are versions of Python."""
    places = manifests.folders(root, application)
    manifest = manifests.read(root, application)
    versions, doubts = pythons.python(root, places, manifest.folder, images)
    routes = routes_of(detected, application)
    alive, conditions = health(routes)
    path, line = application.path, application.line
    findings = [
        *manifest.findings,
        *versions,
        *code.port(application, places, detected.sources, root),
        *services.services(manifest.dependencies),
        *debian.packages(root, manifest.dependencies, manifest.files),
        Finding("app_path", application.target, path, line),
        Finding("app_dir", application.directory, path, line),
        Finding("app_factory", application.factory, path, line),
        *alive,
        *load_paths(routes, application),
    ]
    notes = [
        *unread(detected),
        *doubts,
        *manifest.notes,
        *conditions,
        *services.notes(manifest.dependencies),
        *code.notes(detected.sources, root),
    ]
    return About(findings, notes)
