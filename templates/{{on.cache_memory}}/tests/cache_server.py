"""The tests' cache: in this process."""

MISSING = ""
