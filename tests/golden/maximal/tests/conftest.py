"""The fixtures: first what chooses the settings, then the application, then what changes it."""

pytest_plugins = [
    "cache_server",
    "database_server",
    "queue_server",
    "app_fixtures",
    "cache_fixtures",
    "database_fixtures",
    "queue_fixtures",
    "broker_fixtures",
]
