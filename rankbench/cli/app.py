"""The `rankbench` command: joins the commands and turns errors into exit codes."""

import os
import signal
import sys
from types import FrameType
from typing import Annotated

import typer

from rankbench import __version__
from rankbench.cli.check import check
from rankbench.cli.compare import compare
from rankbench.cli.console import notes, show_error
from rankbench.cli.data import data
from rankbench.cli.doctor import doctor
from rankbench.cli.explain import explain
from rankbench.cli.fetch import fetch
from rankbench.cli.list import list_names
from rankbench.cli.new_backbone import new_backbone
from rankbench.cli.new_loss import new_loss
from rankbench.cli.report import report
from rankbench.cli.reproduce import reproduce
from rankbench.cli.run import run
from rankbench.cli.runs import runs
from rankbench.cli.show import show
from rankbench.cli.speed import speed
from rankbench.errors import UserError

app = typer.Typer(
    name="rankbench",
    help="Compare ranking losses for implicit-feedback recommendation: fetch data, run losses, read the report.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"rankbench {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


app.command("fetch")(fetch)
app.add_typer(data, name="data")
app.command("run")(run)
app.command("report")(report)
app.command("compare")(compare)
app.command("explain")(explain)
app.add_typer(runs, name="runs")
app.command("reproduce")(reproduce)
app.command("list")(list_names)
app.command("show")(show)
app.command("speed")(speed)
app.command("doctor")(doctor)
app.command("new-loss")(new_loss)
app.command("new-backbone")(new_backbone)
app.command("check")(check)


class Interrupted(BaseException):
    """Ctrl-C: not a KeyboardInterrupt, which typer would end without a word."""


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise Interrupted


def main() -> None:
    """Run the command line: exit code 0, 2 for errors that the user can mend, 130 after Ctrl-C."""
    signal.signal(signal.SIGINT, _interrupt)
    try:
        app()
    except UserError as error:
        show_error(error)
        sys.exit(2)
    except Interrupted:
        goes_on = " The same command goes on from here." if {"run", "fetch", "reproduce"} & set(sys.argv[1:2]) else ""
        notes().print(f"Stopped.{goes_on}")
        sys.exit(130)
    except BrokenPipeError:  # `rankbench report | head`: the reader has gone, there is nobody to tell
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
