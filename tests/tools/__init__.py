"""Helper programs of the tests."""
