"""Settings of the exchange rates."""

from pydantic import BaseModel, PositiveFloat


class RatesSettings(BaseModel):
    """Where the rates come from."""

    url: str
    """Answers `GET URL?base=EUR&symbols=USD` with `{"rates": {"USD": 1.08}}`."""
    seconds: PositiveFloat
    """How long a rate is used."""
