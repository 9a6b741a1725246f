"""Speculation by its spellings: those of today are found by what they have in common, so that those to come are."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_codeneedle.server.command.flags import FLAGS
from pytest_codeneedle.server.command.speculation import (
    asking,
    brings_draft,
    is_speculative,
    is_speculative_variable,
    without_speculation,
)


def names_in(text: str) -> list[str]:
    """Its words."""
    return text.split()


#: From the help of llama-server 0.6.0-dev, and of builds since 2024.
TODAY = names_in(
    """
--spec-type --spec-default --spec-draft-type-k -ctkd --cache-type-k-draft -ctvd --spec-draft-hf -hfd -hfrd
--hf-repo-draft --spec-draft-threads -td --threads-draft -tbd --threads-batch-draft -Cd --cpu-mask-draft -Crd -Cbd
-Crbd --cpu-strict-draft --prio-draft --poll-draft --cpu-mask-batch-draft --cpu-strict-batch-draft
--spec-draft-override-tensor -otd --override-tensor-draft -cmoed --cpu-moe-draft
--spec-draft-ncmoe -ncmoed --n-cpu-moe-draft --spec-draft-n-max
--spec-synth-len --spec-synth-rates --draft-p-split --draft-p-min --spec-draft-backend-sampling
--no-spec-draft-backend-sampling --spec-draft-device -devd --device-draft -ngld --gpu-layers-draft --n-gpu-layers-draft
-md --model-draft --spec-ngram-mod-n-match --spec-ngram-map-k4v-min-hits --draft --draft-n --draft-max --draft-min
-lcs --lookup-cache-static -lcd --lookup-cache-dynamic -cd --ctx-size-draft --spec-replace -mtp --spec-type=ngram-mod
--spec_draft_n_max --spec-whatever-comes-next --no-mtp --eagle3-depth --nextn --nextn-model
--eagle2 --dspark-depth --self-spec --speculate --ndraft --draftmodel --drafter-model --lookaheads --mtp3 --specdec
"""
)
VARIABLES = names_in(
    """
LLAMA_ARG_SPEC_TYPE LLAMA_ARG_SPEC_DRAFT_MODEL LLAMA_ARG_N_GPU_LAYERS_DRAFT LLAMA_ARG_DRAFT_MAX LLAMA_ARG_MODEL_DRAFT
LLAMA_ARG_HFD_REPO LLAMA_ARG_CTX_SIZE_DRAFT LLAMA_ARG_NO_SPEC_DRAFT_BACKEND_SAMPLING LLAMA_ARG_SPEC_TOMORROW
LLAMA_ARG_NEXTN LLAMA_ARG_EAGLE4_MODEL LLAMA_SELF_SPEC
"""
)
#: Of the same help, what looks like it and is not.
OTHERS = names_in(
    """
--special -sp -m -d -id -ctk -cmoe -cd4 --fim-qwen-7b-spec --fim-qwen-14b-spec --mmproj --embd-gemma-default --device
-dr --ctx-size spec draft --no-context-shift --reasoning-preserve --temp -kvu --cache-reuse --load-mode -fad4
"""
)
word = st.sampled_from(["-ngl", "9", "--jinja", "-m", "my model.gguf", "-1"])
ASKING = [("--spec-default",), ("-md", "d.gguf"), ("--spec-replace", "a", "b"), ("--draft-p-min", "-.5")]


@pytest.mark.parametrize("name", TODAY)
def test_every_spelling_of_it_is_known(name: str) -> None:
    """Those to come too."""
    assert is_speculative(name)


@pytest.mark.parametrize("name", OTHERS)
def test_nothing_else_is(name: str) -> None:
    """No argument of the target is taken for one."""
    assert not is_speculative(name)


def test_no_flag_that_the_grid_knows_is() -> None:
    """Neither by its names nor by its variable."""
    assert [] == [name for flag in FLAGS for name in flag.names if is_speculative(name)]
    assert [] == [flag.variable for flag in FLAGS if is_speculative_variable(flag.variable)]


@pytest.mark.parametrize("name", VARIABLES)
def test_its_variables_are_known(name: str) -> None:
    """By the same parts."""
    assert is_speculative_variable(name)


@pytest.mark.parametrize("name", ["LLAMA_ARG_SPECIAL", "SPEC_TYPE", "LLAMA_ARG_N_GPU_LAYERS", "DRAFT"])
def test_other_variables_are_none(name: str) -> None:
    """Only llama-server's own."""
    assert not is_speculative_variable(name)


@pytest.mark.parametrize(("name", "brings"), [("--fim-qwen-7b-spec", True), ("--spec-x-spec", False), ("-spec", False)])
def test_a_model_that_brings_its_draft(name: str, *, brings: bool) -> None:
    """It is a preset for both."""
    assert brings == brings_draft(name)


@given(st.lists(st.tuples(word) | st.sampled_from(ASKING)))
def test_flags_go_with_their_values(pieces: list[tuple[str, ...]]) -> None:
    """Every other flag stays, in order; what stands behind one of these is its value."""
    own = [piece for piece in pieces if piece in ASKING]
    kept, taken = without_speculation([one for piece in pieces for one in piece])

    assert len(own) == len(taken)
    assert all(text.startswith(shlex.join(piece)) for text, piece in zip(taken, own, strict=True))
    flags = [one for (one, *_) in pieces if one in ("-ngl", "--jinja", "-m")]
    assert flags == [one for one in kept if one in ("-ngl", "--jinja", "-m")]
    assert set(kept) <= {"-ngl", "9", "--jinja", "-m", "my model.gguf", "-1"}


def test_what_says_that_there_is_none_is_not_said() -> None:
    """It goes, and nobody has to hear of it."""
    assert (("-ngl", "9"), ()) == without_speculation(["--spec-type", "none", "-ngl", "9"])
    assert ("A",) == asking(["LLAMA_ARG_SPEC_TYPE=none", "A"])
