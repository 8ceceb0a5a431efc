"""Messages of other releases of the service, as a rolling deployment brings them."""

from app.queue.running import Task


def test_what_a_newer_release_adds_is_left_out() -> None:
    sent = Task("products.tasks.recount", "{}", "request-1", "key-1")
    assert Task.received([*sent, "more"]) == sent


def test_what_an_older_release_did_not_send_is_empty() -> None:
    assert Task.received(["products.tasks.recount", "{}", "request-1"]).key == ""
