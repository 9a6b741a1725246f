"""What a run is going to take: the arithmetic, and text that fits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_codeneedle.core.errors import ConfigurationError
from pytest_codeneedle.core.kv_types import DEFAULT_TYPES, KVPair, grid_pairs
from pytest_codeneedle.sweep.forecast import (
    CorpusForecast,
    Forecast,
    Speed,
    forecast_lines,
    mib_table,
    numbered,
    parse_speed,
)

PAIRS = (KVPair("q8_0", "q8_0"), KVPair("q8_0", "q4_0"), KVPair("q4_0", "q4_0"))
MINI = CorpusForecast(
    name="mini",
    pairs=PAIRS,
    functions=8,
    file_tokens=1200,
    n_ctx=2048,
    prompt_tokens=1500,
    answer_tokens=900,
    mib=dict.fromkeys(PAIRS, 0.5),
)
PLAN = Forecast(
    corpora=(MINI,),
    order=("q8_0/q8_0", "q4_0/q4_0", "q8_0/q4_0"),
    servers=1,
    threads=2,
    base_model=False,
    load_seconds=2.0,
    model_mib=4915.25,
    speed=Speed(500.0, 30.0, given=True),
)


def replaced(**facts: object) -> list[str]:
    """The text of the plan with other facts."""
    return forecast_lines(Forecast(**{**vars(PLAN), **facts}))


def test_all_in_all() -> None:
    """Every cell loads, reads the file once and its questions, and writes the lines asked for."""
    assert 24 == PLAN.questions
    assert 4500 == PLAN.prompt_tokens
    assert 2700 == PLAN.answer_tokens
    assert 3 * 2.0 + 4500 / 500 + 2700 / 30 == PLAN.seconds
    assert [
        "",
        "mini: 1200 tokens, context 2048 tokens",
        "KV cache in MiB",
        "ctk\\ctv    q8_0    q4_0",
        "q8_0       0.50    0.50",
        "q4_0          -    0.50",
        "",
        "order of the cells",
        "1 q8_0/q8_0  2 q4_0/q4_0  3 q8_0/q4_0",
        "",
        "questions      24",
        "prompt tokens  4,500: in each cell the file once, then its questions",
        "answer tokens  2,700: the lines asked for",
        "servers        1 at once, 2 threads each; 3 starts of 2.0 s",
        "model file     4,915.2 MiB",
        "speed          reads 500 tokens/s, writes 30: as given",
        "time           about 1:45",
    ] == forecast_lines(PLAN)


@pytest.mark.parametrize(("servers", "share"), [(2, 2), (3, 3), (8, 3)])
def test_servers_share_the_work(servers: int, share: int) -> None:
    """No more of them than there are cells."""
    assert PLAN.seconds is not None
    assert PLAN.seconds / share == Forecast(**{**vars(PLAN), "servers": servers}).seconds


@pytest.mark.parametrize(
    ("facts", "line"),
    [
        ({"speed": Speed(500, 2.25)}, "speed          reads 500 tokens/s, writes 2.2: measured at an empty context"),
        ({"speed": Speed(500, 30)}, "time           at least 1:45: longer contexts are slower (--kv-speed)"),
        ({"speed": None}, "time           unknown: the server tells no times; give --kv-speed READ,WRITE"),
        ({"base_model": True}, "the model's file has no chat template: a base model; llama-server puts ChatML"),
        ({"threads": 1}, "servers        1 at once, 1 thread each; 3 starts of 2.0 s"),
        ({"model_mib": None}, "model file     unknown"),
        ({"runs_on": True}, "answer tokens  2,700: the lines asked for, and no more of them"),
        (
            {"corpora": (CorpusForecast(**{**vars(MINI), "mib": None}),)},
            "the log of the server does not say how large the KV cache is",
        ),
        (
            {"corpora": (CorpusForecast(**{**vars(MINI), "upper_bound": True}),)},
            "KV cache in MiB, at most: some layers keep a window of the context only",
        ),
    ],
)
def test_what_is_not_known_is_said(facts: dict[str, object], line: str) -> None:
    """An estimate says where it comes from, and a figure that is missing why."""
    assert line in replaced(**facts)


def test_large_sizes_keep_their_columns() -> None:
    """From 1000 MiB on decimals go."""
    assert ["ctk\\ctv    bf16    q8_0", "bf16      12345    8192"] == mib_table(
        {KVPair("bf16", "bf16"): 12345.4, KVPair("bf16", "q8_0"): 8192.0}
    )


@given(
    labels=st.lists(st.sampled_from([f"{corpus}{pair}" for corpus in ("", "jquery:") for pair in PAIRS]), min_size=1),
    scale=st.floats(0.01, 1e5),
    speed=st.builds(Speed, st.floats(0.1, 1e5), st.floats(0.1, 1e5), st.booleans()),
    model_mib=st.floats(1, 1e6),
)
def test_all_fits_80_columns(labels: list[str], scale: float, speed: Speed, model_mib: float) -> None:
    """However large the figures are."""
    pairs = grid_pairs(DEFAULT_TYPES, DEFAULT_TYPES)
    mib = {pair: scale * pair.bits for pair in pairs}
    corpora = (CorpusForecast(**{**vars(MINI), "pairs": pairs, "mib": mib}),)

    lines = replaced(corpora=corpora, order=tuple(labels), speed=speed, model_mib=model_mib)
    assert [] == [line for line in lines if len(line) > 80]
    places = [word for line in numbered(labels) for word in line.split() if word.isdigit()]
    assert [str(place) for place in range(1, len(labels) + 1)] == places


@pytest.mark.parametrize(("text", "speed"), [("800,30", (800.0, 30.0)), (" 1e3 , 2.5 ", (1000.0, 2.5))])
def test_speed(text: str, speed: tuple[float, float]) -> None:
    """Two numbers."""
    assert Speed(*speed, given=True) == parse_speed(text)


@pytest.mark.parametrize("text", ["12", "a,b", "1,2,3", "0,5", "5,-1", "nan,1", "inf,1", "1,inf", ",", "800;30"])
def test_speed_that_is_none(text: str) -> None:
    """Anything else is said with the way to write it."""
    with pytest.raises(ConfigurationError, match=r"is not READ,WRITE: .* such as 800,30"):
        parse_speed(text)
