"""What a run is going to take, before it is run: questions, tokens, KV MiB, time; as figures and as text.

A speed that is measured at an empty context makes the time a lower bound, for each token looks at all before it. The
control model, which is hardly more than attention, writes six times slower at 1300 tokens already.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_codeneedle.core.errors import ConfigurationError
from pytest_codeneedle.core.kv_types import KVPair, by_precision
from pytest_codeneedle.core.text import counted, wrapped
from pytest_codeneedle.runs.calibration import BASE_MODEL
from pytest_codeneedle.runs.grid import NOT_PLANNED
from pytest_codeneedle.runs.progress import duration

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_COLUMNS = 80
_LABEL = 15
#: A column of the grid holds so much with two decimals.
_WIDE_MIB = 1000


@dataclass(frozen=True)
class Speed:
    """Tokens per second that a server reads and writes; `given` by the user, else measured."""

    read: float
    write: float
    given: bool = False


@dataclass(frozen=True)
class CorpusForecast:
    """What the cells of one corpus take.

    `prompt_tokens` and `answer_tokens` are of one cell: the file once and what differs between its questions, the
    lines asked for. `mib` is the KV cache of each pair, None where the model does not say; with `upper_bound` it may
    be less. `note` is what else a person should know before.
    """

    name: str
    pairs: tuple[KVPair, ...]
    functions: int
    file_tokens: int
    n_ctx: int
    prompt_tokens: int
    answer_tokens: int
    mib: Mapping[KVPair, float] | None
    upper_bound: bool = False
    note: str = ""


@dataclass(frozen=True)
class Forecast:
    """What a whole session takes. `order` are the labels of its cells as they will be asked.

    With a `base_model` the model's file has no chat template. `threads` are those of each; `speed` is None where the
    server tells no times. With `runs_on` answers may be longer than the lines asked for.
    """

    corpora: tuple[CorpusForecast, ...]
    order: tuple[str, ...]
    servers: int
    threads: int
    base_model: bool
    load_seconds: float
    model_mib: float | None
    speed: Speed | None
    runs_on: bool = False

    @property
    def questions(self) -> int:
        """All questions."""
        return sum(len(one.pairs) * one.functions for one in self.corpora)

    @property
    def prompt_tokens(self) -> int:
        """Tokens that all servers read together."""
        return sum(len(one.pairs) * one.prompt_tokens for one in self.corpora)

    @property
    def answer_tokens(self) -> int:
        """Tokens that all servers write together, where every answer is the lines asked for."""
        return sum(len(one.pairs) * one.answer_tokens for one in self.corpora)

    @property
    def seconds(self) -> float | None:
        """Loading, reading and writing, shared out between the servers that run at once; None without a speed."""
        if self.speed is None:
            return None
        loads = len(self.order) * self.load_seconds
        work = loads + self.prompt_tokens / self.speed.read + self.answer_tokens / self.speed.write
        return work / max(1, min(self.servers, len(self.order)))


def parse_speed(text: str) -> Speed:
    """`800,30` -> Speed; raises ConfigurationError."""
    try:
        read, write = (float(part) for part in text.split(","))
    except ValueError:
        read = write = 0.0
    if not (0 < read < float("inf") and 0 < write < float("inf")):
        msg = f"--kv-speed {text!r} is not READ,WRITE: the tokens per second of prompts and of answers, such as 800,30"
        raise ConfigurationError(msg)
    return Speed(read, write, given=True)


def forecast_lines(forecast: Forecast) -> list[str]:
    """The plan as text of at most 80 columns."""
    lines = []
    if forecast.base_model:
        lines += ["", *textwrap.wrap(BASE_MODEL, _COLUMNS)]
    for one in forecast.corpora:
        lines += ["", f"{one.name}: {one.file_tokens} tokens, context {one.n_ctx} tokens"]
        lines += [*wrapped(f"{one.name}: {one.note}" if one.note else ""), *_sizes(one)]
    lines += ["", "order of the cells", *numbered(forecast.order), ""]
    for label, said in _totals(forecast):
        lines += textwrap.wrap(f"{label:<{_LABEL}}{said}", _COLUMNS, subsequent_indent=" " * _LABEL)
    return lines


def _sizes(one: CorpusForecast) -> list[str]:
    if one.mib is None:
        return ["the log of the server does not say how large the KV cache is"]
    bound = ", at most: some layers keep a window of the context only" if one.upper_bound else ""
    return [f"KV cache in MiB{bound}", *mib_table(one.mib)]


def mib_table(mib: Mapping[KVPair, float]) -> list[str]:
    """A header, then one row per ctk with the MiB of each pair."""
    decimals = 2 if max(mib.values()) < _WIDE_MIB else 0
    ctks, ctvs = by_precision(pair.ctk for pair in mib), by_precision(pair.ctv for pair in mib)
    lines = ["ctk\\ctv" + "".join(f"{ctv:>8}" for ctv in ctvs)]
    for ctk in ctks:
        sizes = [mib.get(KVPair(ctk, ctv)) for ctv in ctvs]
        shown = [NOT_PLANNED if size is None else f"{size:.{decimals}f}" for size in sizes]
        lines.append(f"{ctk:<7}" + "".join(f"{text:>8}" for text in shown))
    return lines


def numbered(labels: Sequence[str]) -> list[str]:
    """` 1 q8_0/q4_0   2 bf16/bf16 ...` in columns, row by row."""
    number, width = len(str(len(labels))), max(map(len, labels))
    entries = [f"{place:>{number}} {label:<{width}}" for place, label in enumerate(labels, 1)]
    a_row = max(1, (_COLUMNS + 2) // (number + 1 + width + 2))
    return ["  ".join(entries[at : at + a_row]).rstrip() for at in range(0, len(entries), a_row)]


def _totals(forecast: Forecast) -> list[tuple[str, str]]:
    threads = f"{counted(forecast.threads, 'thread')} each"
    starts = f"{len(forecast.order)} starts of {forecast.load_seconds:.1f} s"
    runs_on = ", and no more of them" if forecast.runs_on else ""
    model = "unknown" if forecast.model_mib is None else f"{forecast.model_mib:,.1f} MiB"
    return [
        ("questions", f"{forecast.questions:,}"),
        ("prompt tokens", f"{forecast.prompt_tokens:,}: in each cell the file once, then its questions"),
        ("answer tokens", f"{forecast.answer_tokens:,}: the lines asked for{runs_on}"),
        ("servers", f"{forecast.servers} at once, {threads}; {starts}"),
        ("model file", model),
        *_times(forecast),
    ]


def _times(forecast: Forecast) -> list[tuple[str, str]]:
    speed, seconds = forecast.speed, forecast.seconds
    if speed is None or seconds is None:
        return [("time", "unknown: the server tells no times; give --kv-speed READ,WRITE")]
    source, bound, hint = "measured at an empty context", "at least", ": longer contexts are slower (--kv-speed)"
    if speed.given:
        source, bound, hint = "as given", "about", ""
    return [
        ("speed", f"reads {_rate(speed.read)} tokens/s, writes {_rate(speed.write)}: {source}"),
        ("time", f"{bound} {duration(seconds)}{hint}"),
    ]


def _rate(tokens_per_second: float) -> str:
    return f"{tokens_per_second:,.{0 if tokens_per_second >= 10 else 1}f}"  # noqa: PLR2004 - as `progress.speed`
