"""The fixtures: first what chooses the settings, then the application, then what changes it."""

pytest_plugins = [
    "app_fixtures",
]
