"""Names the Debian packages without which a dependency cannot be installed, or does not run."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from generator.detect.dependencies import Dependency, text_of
from generator.detect.findings import Finding

COMPILER = ("gcc", "libc6-dev")
POSTGRESQL = ((*COMPILER, "libpq-dev"), ("libpq5",))
MARIADB = ((*COMPILER, "libmariadb-dev", "pkg-config"), ("libmariadb3",))
NEEDS: Mapping[str, tuple[Sequence[str], Sequence[str]]] = {
    "psycopg2": POSTGRESQL,
    "psycopg[c]": POSTGRESQL,
    "psycopg": ((), ("libpq5",)),
    "mysqlclient": MARIADB,
    "mariadb": MARIADB,
    "sqlalchemy[mysql]": MARIADB,
    "sqlalchemy[mariadb-connector]": MARIADB,
    "sqlalchemy[postgresql]": POSTGRESQL,
    "sqlalchemy[postgresql-psycopg]": ((), ("libpq5",)),
    "python-ldap": ((*COMPILER, "libldap-dev", "libsasl2-dev"), ("libldap2", "libsasl2-2")),
    "python-magic": ((), ("libmagic1t64",)),
    "weasyprint": ((), ("libpango-1.0-0", "libpangoft2-1.0-0")),
    "pyodbc": ((), ("unixodbc",)),
}
"""Package, or package[extra] -> what building it needs, and what running it needs (Debian trixie)."""
FROM_GIT = re.compile(r"""git\+(?:https?|ssh)://|\bgit\s*=\s*["']""")
FILES = ("uv.lock", "poetry.lock", "pdm.lock", "Pipfile", "pyproject.toml")


def packages(
    root: Path, dependencies: Mapping[str, Dependency], files: Sequence[str]
) -> Iterator[Finding]:
    """Find what the image needs beside Python packages; `files` are requirements files."""
    needed = [(NEEDS[name], one) for name, one in _names(dependencies) if name in NEEDS]
    building = [(build, one.path, one.line) for (build, _), one in needed if build]
    building += [(("git",), *place) for place in _from_git(root, files)]
    running = [(run, one.path, one.line) for (_, run), one in needed if run]
    for key, found in (("build_packages", building), ("runtime_packages", running)):
        if found:
            words = sorted({word for group, _, _ in found for word in group})
            yield Finding(key, " ".join(words), found[0][1], found[0][2])


def _names(dependencies: Mapping[str, Dependency]) -> Iterator[tuple[str, Dependency]]:
    binary = "binary" in dependencies["psycopg"].extras if "psycopg" in dependencies else False
    for name, one in dependencies.items():
        if not (binary and name == "psycopg"):
            yield name, one
        for extra in sorted(one.extras):
            if not (binary and extra == "postgresql-psycopg"):
                yield f"{name}[{extra}]", one


def _from_git(root: Path, files: Sequence[str]) -> Iterator[tuple[str, int]]:
    """Find the first dependency that is fetched by git."""
    for name in [*files, *FILES]:
        text = text_of(root / name)
        if match := FROM_GIT.search(text):
            yield name, text.count("\n", 0, match.start()) + 1
            return
