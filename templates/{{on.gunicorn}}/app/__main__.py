"""`python -m app` starts the server with the settings of its environment."""

import os
import sys

from app.logging import configure_logging
from app.settings import load_settings
from app.workers import prepare


def main() -> None:
    """Become gunicorn; wrong settings are one line each and exit code 2."""
    settings = load_settings()
    configure_logging(settings.log)
    prepare(settings)
    # gunicorn takes this process over and reads app/gunicorn_conf.py. Were it started in here, its
    # forked workers would inherit what this process does at its end.
    arguments = ["-m", "gunicorn", "--config", "python:app.gunicorn_conf", "app.main:app"]
    os.execv(sys.executable, [sys.executable, *arguments])  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main()
