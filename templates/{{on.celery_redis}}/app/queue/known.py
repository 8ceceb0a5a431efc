"""Keys of jobs that were enqueued, kept in the broker's Redis."""

from collections.abc import Iterator
from contextlib import contextmanager

from redis import Redis

from app.queue.running import Task
from app.queue.settings import QueueSettings

SENDING_SECONDS = 60
"""A claim whose process died before the task was sent is forgotten after so long."""


@contextmanager
def claimed(task: Task, settings: QueueSettings) -> Iterator[bool]:
    """Whether nobody sent a task with this key in the last `known_hours`; send it inside.

    When sending fails, or its process dies, the key becomes free again.
    """
    known = f"{settings.name}.known:{task.job}:{task.key}"
    timeout = settings.timeout
    with Redis.from_url(
        settings.url.get_secret_value(), socket_timeout=timeout, socket_connect_timeout=timeout
    ) as redis:
        if not redis.set(known, "", nx=True, ex=SENDING_SECONDS):
            yield False
            return
        try:
            yield True
        except BaseException:
            redis.delete(known)
            raise
        redis.expire(known, settings.known_hours * 3600)
