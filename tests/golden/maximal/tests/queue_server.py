"""The tests' queue: on the broker that APP_TEST_QUEUE__URL names."""

import os

SERVER = os.environ.get("APP_TEST_QUEUE__URL", "")

# Set before the application is imported. Nothing listens at the address that stands for "none".
os.environ["APP_QUEUE__URL"] = SERVER or "amqp://127.0.0.1:1"
# A broker keeps a queue as it was declared: each library has one of its own.
os.environ["APP_QUEUE__NAME"] = "demo-tests-taskiq"

MISSING = "" if SERVER else "start the broker and name it: APP_TEST_QUEUE__URL=amqp://..."
