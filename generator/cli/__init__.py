"""The `fastgen` command. A command's module is imported only when the command runs.

So `fastgen --help` loads neither copier nor questionary, rich, jinja2 or yaml.
"""

import signal
import sys
from importlib import import_module
from types import FrameType
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from generator.errors import ExitCode, FastgenError

COMMANDS = {
    "new": "make a service: ask, show the plan, render",
    "generate": "write deployment files for any FastAPI project",
    "set": "change answers of a project; your edits are kept",
    "update": "bring a project to this template; your edits are kept",
    "plan": "compute workers, pools and timeouts without rendering",
    "options": "list every question, its choices, default and meaning",
    "version": "show the versions of fastgen and of its template",
}
"""Name and help of each command; `generator/cli/<name>.py` offers its `run` function."""

PLAIN = {"rich_markup_mode": None, "add_completion": False, "pretty_exceptions_enable": False}


class LazyGroup(TyperGroup):
    """A group whose list of commands is known without importing them."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401 - typer's vendored type
        """Name the commands in the order in which the help shows them."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401 - as above
        """Import a command's module and build the command."""
        if cmd_name not in COMMANDS:
            return None
        single = typer.Typer(**PLAIN)  # type: ignore[arg-type]
        module = import_module(f"generator.cli.{cmd_name}")
        single.command(cmd_name, no_args_is_help=False)(module.run)
        return get_command(single)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401 - as above
        """Name the nearest command for one that does not exist."""
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            from difflib import get_close_matches

            match = get_close_matches(args[0], COMMANDS, n=1)
            raise FastgenError(
                f"no such command: `{args[0]}`",
                f"did you mean `fastgen {match[0]}`?" if match else "see `fastgen --help`",
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - as above
        """List the commands from their static help."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _show_version(wanted: bool) -> None:
    if wanted:
        from generator.cli.version import run

        run()
        raise typer.Exit


app = typer.Typer(cls=LazyGroup, **PLAIN)  # type: ignore[arg-type]


@app.callback(invoke_without_command=True)
def fastgen(
    ctx: typer.Context,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show versions."),
    ] = False,
) -> None:
    """Scaffold FastAPI services with computed numbers, and keep them current."""
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())
        raise typer.Exit(ExitCode.USAGE)


def main() -> None:
    """Run the command and exit with its code (see `generator.errors.ExitCode`)."""
    from generator import console

    console.prepare_streams()
    _clean_up_when_terminated()
    try:
        code = app(prog_name="fastgen", standalone_mode=False)
    except FastgenError as failure:
        console.error(failure)
        code = failure.exit_code
    except typer.TyperException as failure:
        console.error(_usage(failure))
        code = ExitCode.USAGE
    if code == INTERRUPTED:
        console.message("\ninterrupted, nothing written")
    sys.exit(code or 0)


INTERRUPTED = 130
"""typer's exit code for Ctrl-C: 128 and the number of SIGINT."""


def _usage(failure: Exception) -> FastgenError:
    """Give a usage error of the command-line parser the form of ours."""
    text = failure.format_message() if hasattr(failure, "format_message") else str(failure)
    context = getattr(failure, "ctx", None)
    path = context.command_path if context else "fastgen"
    return FastgenError(text.removesuffix("."), f"see `{path} --help`")


def _clean_up_when_terminated() -> None:
    """Let SIGTERM unwind the stack, so that unfinished work is removed."""

    def leave(number: int, _: FrameType | None) -> None:
        raise SystemExit(128 + number)

    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), leave)
