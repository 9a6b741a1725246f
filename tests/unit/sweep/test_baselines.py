"""Whether a stored run can be a session's baseline. Plans are stand-ins: only what is looked at is there."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from stored_runs import run_of

from pytest_codeneedle.core.cells import Place
from pytest_codeneedle.core.errors import BaselineError
from pytest_codeneedle.core.kv_types import parse_pair
from pytest_codeneedle.sweep.baselines import refuse_other_cut, refuse_too_few

if TYPE_CHECKING:
    from pytest_codeneedle.sweep.plan import Plan

PAIRS = ("bf16/bf16", "q4_0/q4_0")


def plan_of(functions: range, pairs: tuple[str, ...] = PAIRS, sha256: str = "c" * 64) -> Plan:
    """A plan that asks for these functions of `tiny`, whose cut has that hash."""
    asked = tuple(SimpleNamespace(function=SimpleNamespace(name=f"f{number}")) for number in functions)
    fake: Any = SimpleNamespace(
        corpora={"tiny": SimpleNamespace(corpus=SimpleNamespace(sha256=sha256), asked=asked)},
        cells=[SimpleNamespace(corpus="tiny", place=Place(parse_pair(pair), "default", 0)) for pair in pairs],
        settings=SimpleNamespace(reference=parse_pair("bf16/bf16")),
    )
    return cast("Plan", fake)


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        pytest.param(plan_of(range(20, 30)), "none of the functions that are asked", id="another sample"),
        pytest.param(plan_of(range(8), sha256="e" * 64), "leaves another part of tiny with this model", id="cut"),
        pytest.param(
            plan_of(range(5)),
            "to 5 functions of those that are asked of tiny, which cannot show a loss: 7 are needed; "
            "ask more (--kv-functions 7, or k of the corpus)",
            id="too few now",
        ),
        pytest.param(
            plan_of(range(6, 30)), "to 6 functions of those .* needed; ask those that it has", id="few in common"
        ),
        pytest.param(plan_of(range(4), PAIRS[:1]), "to 4 functions .* 5 are needed", id="one cell needs fewer"),
    ],
)
def test_once_the_text_is_cut(plan: Plan, said: str) -> None:
    """Functions are known then: none in common, or too few to show a loss, is told before any cell is started."""
    with pytest.raises(BaselineError) as error:
        refuse_other_cut(plan, "tiny", run_of(dict.fromkeys(PAIRS, [20] * 12), "base.json"))
    error.match(said.replace("(", r"\(").replace(")", r"\)"))


def test_what_can_show_a_loss() -> None:
    """Seven functions in two cells, five in one."""
    run = run_of(dict.fromkeys(PAIRS, [20] * 12))

    refuse_too_few(plan_of(range(7)), "tiny", run)
    refuse_too_few(plan_of(range(5), PAIRS[1:]), "tiny", run)


def test_answers_count() -> None:
    """A function without an answer in the baseline shows nothing."""
    run = run_of(dict.fromkeys(PAIRS, [20] * 4 + [None] * 8), "base.json")

    with pytest.raises(BaselineError, match=r"to 4 functions .* and save the baseline anew"):
        refuse_too_few(plan_of(range(12)), "tiny", run)
