"""Addresses of static files."""

import pytest
from pydantic import ValidationError

from app.static import StaticSettings


@pytest.mark.parametrize("url", ["/static/", "https://cdn.example.com/static/"])
def test_file_lies_below_the_address(url: str) -> None:
    assert StaticSettings(url=url).address("app-5d41402abc4b.css") == f"{url}app-5d41402abc4b.css"


@pytest.mark.parametrize("url", ["cdn.example.com/static/", "https://cdn.example.com/static", ""])
def test_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValidationError):
        StaticSettings(url=url)
