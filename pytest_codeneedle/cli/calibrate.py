"""`codeneedle calibrate`: whether this build, on this device, shows what it should."""

from __future__ import annotations

import contextlib
import json
import re
import signal
from typing import TYPE_CHECKING

from pytest_codeneedle.cli.corpus import write_text
from pytest_codeneedle.core.errors import CellError, CodeneedleError, ConfigurationError
from pytest_codeneedle.core.output import complain, say, say_json
from pytest_codeneedle.core.redaction import redacted
from pytest_codeneedle.core.signals import StopSignals
from pytest_codeneedle.core.text import wrapped
from pytest_codeneedle.server.command.given_args import parse_server_args
from pytest_codeneedle.server.command.speculation import without_speculation
from pytest_codeneedle.server.program import find_program
from pytest_codeneedle.sweep.calibrate import asking as calibrating
from pytest_codeneedle.sweep.calibrate import expected as control_grids

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from pytest_codeneedle.sweep.calibrate.expected import Measured


def calibrate(flags: argparse.Namespace) -> int:
    """Ask the control models through a server; 0 where the grids that ship are reproduced, else 1.

    2 where it cannot be done. A signal ends it in order, without a server or a file left: 128 and its number.
    """
    signals = StopSignals(worker=False, last_words="codeneedle: ended at once")
    signals.install()
    try:
        return _calibrated(flags)
    except CodeneedleError as error:
        _tell(in_own_words(str(error)))
        return 2
    except KeyboardInterrupt as stop:
        signals.quieten_closed_terminals()
        _tell(f"{stop or 'Ctrl-C (SIGINT)'}: calibrate ended before all was asked; no server is left")
        return 128 + signal.Signals[signals.received or "SIGINT"].value
    finally:
        signals.restore()


def in_own_words(message: str) -> str:
    """A message of the pytest options' with those of this command."""
    return re.sub(r"--kv-server\b", "--server", message)


def _calibrated(flags: argparse.Namespace) -> int:
    if flags.server is not None and not flags.server.strip():
        msg = (
            f"--server {flags.server!r} names no server: give the path of a llama-server, its command, or embedded; "
            "without --server it is the one on PATH"
        )
        raise ConfigurationError(msg)
    program = find_program(flags.server)
    version = program.version or "a build that does not say its version"
    every = 1 if flags.record else calibrating.EVERY
    extra, speculation = without_speculation(parse_server_args(flags.server_args, options=False))
    asking = calibrating.Calibrating(program, extra, every=every)
    _say(f"server {program.label}{'' if program.release else f', {version}'}")
    for change in program.changes:
        _say(change)
    if speculation := (*program.speculation, *speculation):
        _say(f"speculation is off: {redacted(' '.join(speculation))}")
    if program.model is not None:
        _say(f"-m {program.model}: the control models are asked instead")
    _say(f"{len(asking.cells)} cells x {len(asking.functions)} functions of {calibrating.CORPUS}")
    try:
        measured = list(_with_progress(asking, verbose=flags.verbose))
        if flags.record:
            grids = calibrating.recorded(measured, asking, version)
            write_text(flags.record, json.dumps(grids.facts(), indent=1) + "\n")
            say(f"{flags.record}: {len(asking.cells)} cells")
            return 0
    except CellError as error:
        msg = f"the server could not be asked: {error}"
        raise ConfigurationError(msg) from error
    found = calibrating.calibration(measured, calibrating.expected_grids(), asking.functions)
    if flags.json:
        facts = {"server": program.label, "version": version, "functions": list(asking.functions), **found.facts()}
        say_json(facts)
    else:
        said = [line for sentence in control_grids.verdict(found) for line in wrapped(sentence)]
        say(*control_grids.table(found), "", *said)
    return 0 if found.reproduced else 1


def _with_progress(asking: calibrating.Calibrating, *, verbose: bool) -> Iterator[Measured]:
    """Each cell, told on standard error when it is done: standard output is for the result."""
    width = len(str(len(asking.cells)))
    with contextlib.closing(asking.measured()) as cells:  # its folder is removed at once, also after a Ctrl-C here
        for number, one in enumerate(cells, 1):
            lines = [f"{lines:g}" for lines in one.lines.values()]
            mean = f"{sum(one.lines.values()) / len(lines):.2f}" if lines else f"err  {one.problem}"
            each = f"  ({' '.join(lines)})" if verbose and lines else ""
            _say(f"[{number:>{width}}/{len(asking.cells)}] {one.model} {one.pair}  {mean}{each}")
            yield one


def _say(text: str) -> None:
    complain("\n".join(wrapped(f"calibrate: {text}")))


def _tell(message: str) -> None:
    """An error; what follows its first line is a log's, and stays as it is."""
    first, *log = message.split("\n")
    complain("\n".join([*wrapped(f"codeneedle: {first}"), *log]))
