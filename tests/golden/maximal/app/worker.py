"""`python -m app.worker` runs jobs; `dead` lists those that failed for good, `replay` enqueues them.

`python -m app.worker schedule` enqueues the jobs that have a schedule: run it once, not per replica.
"""

import argparse
import asyncio
import logging
import signal
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from typing import Any

from app import jobs
from app.components import COMPONENTS, open_components
from app.logging import configure_logging
from app.queue.backend import DeadLetters, scheduling, work
from app.settings import Settings, load_settings

logger = logging.getLogger("app.worker")

Command = Callable[[Settings, argparse.Namespace], Coroutine[Any, Any, None]]


def main() -> None:
    """Run the command that the arguments name."""
    arguments = _parser().parse_args()
    settings = load_settings()
    configure_logging(settings.log)
    command: Command = arguments.command
    asyncio.run(command(settings, arguments))


async def run(settings: Settings, _arguments: argparse.Namespace) -> None:
    """Run jobs until SIGTERM or SIGINT, then finish those that run."""
    stop = _stop_signal()
    logger.info("worker started: %d job modules", len(jobs.MODULES))
    settings = for_worker(settings)
    async with open_components(settings) as clients:
        with ExitStack() as stack:
            for component in COMPONENTS:
                if component.worker is not None:
                    stack.enter_context(component.worker(settings, clients))
            await work(settings, clients, stop)
    logger.info("worker stopped")


async def schedule(settings: Settings, _arguments: argparse.Namespace) -> None:
    """Enqueue scheduled jobs until SIGTERM or SIGINT."""
    await scheduling(settings, _stop_signal())


async def dead(settings: Settings, _arguments: argparse.Namespace) -> None:
    """List the jobs that failed for good."""
    async with DeadLetters.open(settings) as letters:
        async for letter in letters.all():
            task = letter.task
            print(letter.id, letter.at, task.job, task.arguments, letter.error, sep="\t")  # noqa: T201


async def replay(settings: Settings, arguments: argparse.Namespace) -> None:
    """Enqueue dead jobs again: those named, or all."""
    chosen: set[str] = set(arguments.ids)
    replayed = 0
    async with DeadLetters.open(settings) as letters:
        async for letter in letters.all():
            if not chosen or letter.id in chosen:
                await letters.replay(letter)
                replayed += 1
    print(f"{replayed} enqueued")  # noqa: T201


def for_worker(settings: Settings) -> Settings:
    """The settings of a worker process: its database pool is that of its jobs."""
    database = getattr(settings, "database", None)
    if database is None:
        return settings
    size = settings.queue.pool_size
    pool = {"pool_size": size, "max_overflow": 0, "connections_per_replica": size}
    return settings.model_copy(
        update={
            "database": database.model_copy(update=pool),
            "server": settings.server.model_copy(update={"workers": 1}),
        }
    )


def _stop_signal() -> asyncio.Event:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m app.worker", description=__doc__)
    parser.set_defaults(command=run)
    commands = parser.add_subparsers(metavar="COMMAND")
    for function in (schedule, dead, replay):
        command = commands.add_parser(function.__name__, help=function.__doc__)
        command.set_defaults(command=function)
        if function is replay:
            command.add_argument("ids", nargs="*", metavar="ID", help="of `dead`; all when none")
    return parser


if __name__ == "__main__":
    main()
