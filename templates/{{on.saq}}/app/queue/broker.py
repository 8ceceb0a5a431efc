"""Jobs in saq's queue on Redis, held by the worker that runs them.

saq moves a job from the list of waiting jobs to that of active ones and keeps it in a record of its
own. A worker holds what it runs by a lease; jobs whose lease has run out go back to the waiting ones.
"""

from redis.asyncio import Redis
from saq import Job
from saq.queue.redis import RedisQueue

from app.queue.running import Task
from app.queue.settings import QueueSettings

READ_SECONDS = 2.0
"""How long one read waits for a job."""

SEND = """
if redis.call('ZSCORE', KEYS[1], KEYS[2]) then
    return 0
end
if ARGV[2] ~= '0' and not redis.call('SET', KEYS[4], '', 'NX', 'EX', ARGV[2]) then
    return 0
end
redis.call('SET', KEYS[2], ARGV[1])
redis.call('ZADD', KEYS[1], 0, KEYS[2])
redis.call('RPUSH', KEYS[3], KEYS[2])
return 1
"""
"""Key and job in one step: none of them is ever there without the other."""

NOW = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
"""
"""The server's clock: those of the workers may differ."""

HOLD = f"""{NOW}
redis.call('ZADD', KEYS[1], now + ARGV[1], ARGV[2])
"""

SWEEP = f"""{NOW}
local swept = {{}}
for _, id in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do
    local lease = redis.call('ZSCORE', KEYS[4], id)
    if redis.call('EXISTS', id) == 0 then
        redis.call('LREM', KEYS[1], 0, id)
        redis.call('ZREM', KEYS[3], id)
    elseif not lease then
        redis.call('ZADD', KEYS[4], now + ARGV[1], id)
    elseif tonumber(lease) < now then
        redis.call('LREM', KEYS[1], 0, id)
        redis.call('RPUSH', KEYS[2], id)
        table.insert(swept, id)
    end
end
redis.call('ZREMRANGEBYSCORE', KEYS[4], '-inf', now)
return swept
"""
"""A job that was taken and has no lease gets one: its worker may be about to hold it."""


class JobQueue(RedisQueue):
    """The library's queue, with another way to find the jobs of dead workers.

    The library takes such a job out of all lists and puts it back up to five seconds later: a worker
    that is killed in between would lose it. Here that is one step.
    """

    def __init__(self, settings: QueueSettings) -> None:
        """The queue of `settings`, which connects when it is first used."""
        redis = Redis.from_url(
            settings.url.get_secret_value(),
            socket_timeout=READ_SECONDS + settings.timeout,
            socket_connect_timeout=settings.timeout,
        )
        super().__init__(redis, name=settings.name)
        self._settings = settings
        self._leases = self.namespace("leases")
        self._send = redis.register_script(SEND)
        self._hold = redis.register_script(HOLD)
        self._requeue = redis.register_script(SWEEP)

    async def send(self, task: Task, *, once: bool) -> bool:
        """Enqueue; `once`: unless a task with this key was sent in the last `known_hours`."""
        # Nothing is kept of a job that is done (-1); dead ones are in the dead letters.
        job = Job(task.job, task._asdict(), self, key=f"{task.job}:{task.key}", ttl=-1)
        known = f"{self.name}.known:{job.key}"
        seconds = self._settings.known_hours * 3600 if once else 0
        keys = [self._incomplete, job.id, self._queued, known]
        return bool(await self._send(keys, [self.serialize(job), seconds]))

    async def hold(self, job: Job) -> None:
        """Keep the job from others for `redeliver_after`."""
        await self._hold([self._leases], [self._settings.redeliver_after, job.id])

    async def release(self, job: Job) -> None:
        """End the lease."""
        await self.redis.zrem(self._leases, job.id)

    async def sweep(self, lock: int = 60, abort: float = 5.0) -> list[str]:
        """Enqueue the jobs of dead workers again; their ids."""
        keys = [self._active, self._queued, self._incomplete, self._leases]
        return [id_.decode() for id_ in await self._requeue(keys, [self._settings.redeliver_after])]

    async def close(self) -> None:
        """Close the connections; the library's own way opens one more to say goodbye."""
        await self.redis.aclose()
