"""The tests' cache: on the server that APP_TEST_CACHE__HOST and APP_TEST_CACHE__PORT name."""

import os

SERVER = os.environ.get("APP_TEST_CACHE__HOST", "")

# Set before the application is imported. Nothing listens at the address that stands for "none".
os.environ["APP_CACHE__HOST"] = SERVER or "127.0.0.1"
os.environ["APP_CACHE__PORT"] = os.environ.get("APP_TEST_CACHE__PORT", "11211") if SERVER else "1"

MISSING = "" if SERVER else "start a Memcached and name it: APP_TEST_CACHE__HOST=127.0.0.1"
