"""What a failed statement means, whatever the driver calls it."""

from enum import Enum, auto


class Failure(Enum):
    """Failures that are no fault of the service."""

    DUPLICATE = auto()
    """A unique constraint is violated."""
    REFERENCE = auto()
    """A foreign key is violated."""
    UNAVAILABLE = auto()
    """The server is gone, busy, too slow, or ended the transaction: trying again may help."""
