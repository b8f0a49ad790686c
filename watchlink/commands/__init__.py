"""The command line: one verb, one file. Printing and exit codes live here and nowhere else.

Strategy: this module and the verbs' own import nothing heavy at their top, so that `--help` answers at once; each verb
imports what it runs when it runs.
"""

from __future__ import annotations

import io
import signal
import sys
from typing import Annotated

import typer

from watchlink import __version__
from watchlink.commands.analyse import analyse
from watchlink.commands.baseline import baseline
from watchlink.commands.board import board, mark
from watchlink.commands.breathe import breathe
from watchlink.commands.cohort import cohort
from watchlink.commands.consent import consent
from watchlink.commands.convert import convert
from watchlink.commands.decode import decode
from watchlink.commands.demo import demo
from watchlink.commands.devices import devices
from watchlink.commands.doctor import doctor
from watchlink.commands.exits import INTERRUPTED, ends_with_its_reader, exit_code
from watchlink.commands.inspect import inspect
from watchlink.commands.live import live
from watchlink.commands.my_data import my_data
from watchlink.commands.my_data_export import export
from watchlink.commands.pair import pair
from watchlink.commands.profiles import profiles
from watchlink.commands.progress import progress
from watchlink.commands.rate import rate
from watchlink.commands.record import record
from watchlink.commands.replay import replay
from watchlink.commands.report import report
from watchlink.commands.scan import scan
from watchlink.commands.session import session
from watchlink.commands.show import schema, show
from watchlink.errors import WatchlinkError
from watchlink.texts import shown

app = typer.Typer(
    name="watchlink",
    help="Heart-rate wearables of a practice session: beats, HRV and heart rate rises beside session events.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)
app.command()(ends_with_its_reader(demo))
app.command()(ends_with_its_reader(doctor))
app.command()(ends_with_its_reader(scan))
app.command()(ends_with_its_reader(pair))
app.command()(ends_with_its_reader(baseline))
app.command()(ends_with_its_reader(board))
app.command()(ends_with_its_reader(mark))
app.command()(ends_with_its_reader(live))
app.command()(ends_with_its_reader(breathe))
app.command()(ends_with_its_reader(record))
app.command()(ends_with_its_reader(replay))
app.command()(ends_with_its_reader(inspect))
app.command()(ends_with_its_reader(decode))
app.command()(ends_with_its_reader(convert))
app.command()(ends_with_its_reader(show))
app.command()(ends_with_its_reader(rate))
app.command()(ends_with_its_reader(report))
app.command()(ends_with_its_reader(progress))
app.command()(ends_with_its_reader(schema))
app.command()(ends_with_its_reader(analyse))
app.add_typer(devices, name="devices")
app.add_typer(session, name="session")
app.add_typer(cohort, name="cohort")
my_data.command()(ends_with_its_reader(export))
app.add_typer(my_data, name="my-data")
app.add_typer(consent, name="consent")
app.add_typer(profiles, name="profiles")


def _version(show: bool) -> None:  # noqa: FBT001 - Typer calls it so
    if show:
        typer.echo(f"watchlink {__version__}")
        raise typer.Exit


@app.callback()
def options(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which version this is.")
    ] = False,
) -> None:
    """Options of the program as a whole."""


def main() -> None:
    """Run the program and leave with its exit code; every error meant for a person is one sentence on stderr."""
    _end_well_when_told_to()
    _print_what_can_be_printed()
    try:
        app()
    except WatchlinkError as error:
        print(f"watchlink: {shown(str(error))}", file=sys.stderr)  # noqa: T201
        sys.exit(exit_code(error))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _print_what_can_be_printed() -> None:
    """A terminal or pipe that lacks a letter (², a name's) shows a question mark instead of ending the program."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _end_well_when_told_to() -> None:
    """A closed terminal and a polite `kill` end a session like Ctrl-C: saved, unsubscribed, disconnected."""
    for name in ("SIGTERM", "SIGHUP"):  # the second is not known everywhere
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:  # `nohup` means it
            signal.signal(number, _as_ctrl_c)


def _as_ctrl_c(_number: int, _frame: object) -> None:
    signal.raise_signal(signal.SIGINT)
