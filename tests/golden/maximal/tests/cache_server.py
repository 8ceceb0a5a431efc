"""The tests' cache: on the server that APP_TEST_CACHE__URL names."""

import os

SERVER = os.environ.get("APP_TEST_CACHE__URL", "")

# Set before the application is imported. Nothing listens at the address that stands for "none".
os.environ["APP_CACHE__URL"] = SERVER or "redis://127.0.0.1:1/0"

MISSING = "" if SERVER else "start a Redis and name it: APP_TEST_CACHE__URL=redis://HOST:6379/15"
