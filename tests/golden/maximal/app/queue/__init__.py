"""Background work: jobs that a request asks for and that run outside of it.

    @job()
    async def recount(clients: dict[str, Any], *, product_id: int) -> None: ...

    await queue.enqueue(recount, product_id=7)      # `queue: Queue` is a dependency of the route

Routes know `Queue` and the jobs; which queue runs them is known to `app/queue/backend.py` alone.
"""

from app.queue.backend import check, lifespan
from app.queue.enqueueing import Queue, QueueClient
from app.queue.jobs import Job, job
from app.queue.settings import QueueSettings

__all__ = ["Job", "Queue", "QueueClient", "QueueSettings", "check", "job", "lifespan"]
