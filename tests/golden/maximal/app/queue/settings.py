"""Settings of the queue."""

from pydantic import BaseModel, PositiveFloat, PositiveInt, SecretStr


class QueueSettings(BaseModel):
    """The queue and its workers; times are seconds."""

    url: SecretStr
    """The broker."""
    name: str
    """The queue's name; services that share a broker have names of their own."""
    concurrency: PositiveInt
    """Jobs that one worker process runs at a time."""
    pool_size: PositiveInt = 5
    """Connections to the database that the jobs of one worker process share."""
    redeliver_after: PositiveFloat
    """After so long without a sign of life of its worker a job is given to another one."""
    known_hours: PositiveInt = 24
    """So long a job with a key (`Job.with_key`) is not enqueued again, where the queue knows keys."""
    stop_grace: PositiveFloat
    """How long a stopping worker waits for its jobs; what is not done then is done elsewhere."""
    timeout: PositiveFloat = 5.0
    """The longest that a request waits for the broker."""
