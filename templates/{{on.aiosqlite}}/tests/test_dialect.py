"""What only this database does."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from app.dialect import write_ahead


def connect(file: Path) -> sqlite3.Connection:
    """A connection that does not wait for locks."""
    return sqlite3.connect(file, timeout=0, isolation_level=None, check_same_thread=False)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A database that keeps no log of writes yet."""
    path = tmp_path / "new.db"
    with closing(connect(path)) as connection:
        connection.execute("CREATE TABLE items (id INTEGER)")
    return path


def test_of_two_first_connections_one_tries_again(file: Path) -> None:
    with closing(connect(file)) as other, closing(connect(file)) as connection:
        other.execute("BEGIN")
        other.execute("SELECT * FROM items").fetchall()
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            connection.execute("PRAGMA journal_mode=WAL")
        threading.Timer(0.1, other.execute, ["COMMIT"]).start()
        write_ahead(connection.execute)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_other_failures_are_told_at_once(tmp_path: Path) -> None:
    file = tmp_path / "text.db"
    file.write_text("no database " * 100)
    with closing(connect(file)) as connection, pytest.raises(sqlite3.DatabaseError):
        write_ahead(connection.execute)
