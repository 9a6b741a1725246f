"""--kv-n-ctx N."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from pytest_codeneedle.server.control_model.model import Control

if TYPE_CHECKING:
    from .lab import Lab

PAIRS = ("--kv-pairs", "q8_0/q8_0,q4_0/q4_0")


@pytest.mark.slow
def test_same_in_every_cell(lab: Lab) -> None:
    """Every server gets the context that was asked for."""
    lab.grid(*PAIRS, "--kv-n-ctx", "3072")
    assert 3072 == lab.about()["n_ctx"]
    assert [3072] * 4 == [row["n_ctx"] for row in lab.rows()]
    assert [3072] * 4 == [row["kv_cells"] for row in lab.rows()]


def refused(lab: Lab, *arguments: str) -> set[str]:
    """What a run and its dry run say before anything is asked: one usage error, and no run folder is left."""
    results = [lab.grid(*PAIRS, *arguments), lab.grid(*PAIRS, *arguments, "--kv-dry-run")]
    assert {pytest.ExitCode.USAGE_ERROR} == {result.ret for result in results}
    assert [] == lab.folders()
    return {" ".join(line for line in result.errlines if line).removeprefix("ERROR: ") for result in results}


@pytest.mark.slow
@pytest.mark.parametrize("n_ctx", [256, 768])
def test_too_small(lab: Lab, n_ctx: int) -> None:
    """A context that prompt and answer cannot fit is refused with all numbers before the first cell."""
    (said,) = refused(lab, "--kv-n-ctx", str(n_ctx))
    found = re.search(r"needs ([\d,]+) tokens .*, and the context given \(--kv-n-ctx, -c\) has (\d+); raise it", said)
    assert found is not None
    assert n_ctx == int(found[2]) < int(found[1].replace(",", ""))


@pytest.mark.slow
def test_longer_than_the_model_is_trained_for(lab: Lab) -> None:
    """A larger context does not help: the server would cap it, or run on past what the model knows."""
    model = lab.path / "short.gguf"
    Control().write(model)
    trained = b"deci.context_length" + (4).to_bytes(4, "little")  # a number of 32 bits follows
    head, key, rest = model.read_bytes().partition(trained)
    assert key
    model.write_bytes(head + key + (512).to_bytes(4, "little") + rest[4:])
    for more in ((), ("--kv-n-ctx", "4096")):
        (said,) = refused(lab, "--kv-model", str(model), *more)
        assert "and the model is trained for 512: give the corpus [trim] max_tokens, take a shorter one, or" in said
        assert "--override-kv deci.context_length=int:" in said


def test_not_a_number(lab: Lab) -> None:
    """Zero is refused."""
    assert "--kv-n-ctx (ini: kv_n_ctx) = 0 is out of range" in lab.refused("--kv-n-ctx", "0")
