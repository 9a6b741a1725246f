"""How many tokens a question may have, and what is said where it needs more."""

from __future__ import annotations

import pytest

from pytest_codeneedle.core.errors import ConfigurationError
from pytest_codeneedle.server.context_limits import ContextLimits, read_context_limits

LOG = """0.00.015.997 I print_info: arch                  = qwen3
0.00.016.557 I print_info: n_ctx_train           = 40960
0.00.016.576 I print_info: n_ctx_orig_yarn       = 40960
"""
OLDER = "llm_load_print_meta: arch             = llama\nllm_load_print_meta: n_ctx_train      = 8192\n"
STRETCHED = "--rope-scaling yarn (and --override-kv llama.context_length=int:12614)"
CAPPED = "the slot context (12800) exceeds the training context of the model (8192) - capping"
PER_SLOT = "0.00.021.894 I srv    load_model: capping per-slot context (4096) to --kv-unified-per-slot (512)\n"


def refusal(limits: ContextLimits, prompt: int = 12068, answer: int = 546) -> str:
    """What is said of such a question; nothing where it fits."""
    try:
        limits.check("http_server", prompt, answer)
    except ConfigurationError as error:
        return str(error)
    return ""


def test_what_the_log_says() -> None:
    """Of the model that is asked: a draft's lines come later. Builds before 2025 have another word before it."""
    draft = LOG.replace("40960", "2048").replace("qwen3", "small")
    assert ContextLimits(trained=40960, architecture="qwen3") == read_context_limits(LOG + draft, (), {}, None)
    assert ContextLimits(trained=8192, architecture="llama") == read_context_limits(OLDER, (), {}, None)
    assert ContextLimits(given=512) == read_context_limits("", (), {}, 512)


@pytest.mark.parametrize(
    ("words", "environment", "limits"),
    [
        (("--kv-unified-per-slot", "512"), {}, ContextLimits(per_slot=512)),
        (("--kv_unified_per_slot", "9", "--kv-unified-per-slot", "512"), {}, ContextLimits(per_slot=512)),
        ((), {"LLAMA_ARG_KV_UNIFIED_PER_SLOT": "512"}, ContextLimits(per_slot=512)),
        (("--kv-unified-per-slot", "0"), {}, ContextLimits()),
        (("--rope-scaling", "yarn"), {}, ContextLimits(stretched=True)),
        (("--rope-scaling", "none"), {}, ContextLimits()),
        (("--yarn-orig-ctx", "32768"), {}, ContextLimits(stretched=True)),
        ((), {"LLAMA_ARG_ROPE_SCALE": "4"}, ContextLimits(stretched=True)),
    ],
)
def test_what_the_arguments_say(words: tuple[str, ...], environment: dict[str, str], limits: ContextLimits) -> None:
    """Of a slot and of positions, by arguments and by variables."""
    assert limits == read_context_limits("", words, environment, None)


def test_a_question_that_fits() -> None:
    """Up to the last token; what is not known is no limit."""
    assert "" == refusal(ContextLimits(trained=12614, given=12614, per_slot=12614))
    assert "" == refusal(ContextLimits())


def test_advice_that_helps() -> None:
    """Not a larger context where the model or a slot has none; what was given comes last."""
    said = refusal(ContextLimits(trained=8192, given=512, per_slot=512, architecture="llama"))
    assert said == (
        "http_server: the longest question needs 12,614 tokens (prompt 12,068, answer 546), and the model is trained "
        "for 8,192: give the corpus [trim] max_tokens, take a shorter one, or stretch the model with --rope-scaling "
        "yarn (and --override-kv llama.context_length=int:12614)"
    )
    said = refusal(ContextLimits(trained=40960, given=512, per_slot=1024))
    assert said.endswith("and --kv-unified-per-slot 1024 gives a slot no more; raise that, or leave it out")
    said = refusal(ContextLimits(trained=40960, given=1024))
    assert said.endswith("and the context given (--kv-n-ctx, -c) has 1,024; raise it, or leave it out")


def test_a_stretched_model_is_believed() -> None:
    """Whoever scales its positions says that it can."""
    assert "" == refusal(ContextLimits(trained=8192, stretched=True))
    assert 12800 == ContextLimits(trained=8192, stretched=True).context(12800)


def test_a_stretched_model_may_be_capped() -> None:
    """Only the cell's own server tells: the dry run says what newer builds do."""
    stretched = ContextLimits(trained=8192, stretched=True, architecture="llama")
    assert stretched.caution("http_server", 12068, 546) == (
        "http_server: the longest question needs 12,614 tokens of a model trained for 8,192 and stretched: newer "
        "builds cap a slot at what its file says, unless that is raised: --override-kv llama.context_length=int:12614"
    )
    assert "" == stretched.caution("http_server", 8000, 192) == ContextLimits(trained=8).caution("http_server", 9, 9)


def test_the_context_that_is_asked_for() -> None:
    """What was given, else what is needed, but no more than the model is trained for."""
    assert 9000 == ContextLimits(given=9000, trained=8192).context(100)
    assert 8100 == ContextLimits(trained=8100).context(8192)
    assert 8192 == ContextLimits().context(8192)


@pytest.mark.parametrize(
    ("limits", "log", "there", "said"),
    [
        (
            ContextLimits(trained=8192, stretched=True, architecture="llama"),
            f"0.01.011.995 W srv    load_model: {CAPPED}\n",
            8192,
            f"{CAPPED}; shorten the corpus, or give {STRETCHED}",
        ),
        (
            ContextLimits(trained=40960),
            PER_SLOT,
            512,
            "capping per-slot context (4096) to --kv-unified-per-slot (512); raise that limit, or shorten the corpus",
        ),
        (ContextLimits(), "", 512, "raise it (--kv-n-ctx, -c), leave that out, or shorten the corpus"),
    ],
)
def test_a_slot_that_got_less(limits: ContextLimits, log: str, there: int, said: str) -> None:
    """Where only the cell's own server tells: its log's line, and what helps against that."""
    told = limits.too_small(log, 12800, there, 12614)
    assert said == told.removeprefix("its log says: ")
    assert bool(log) == told.startswith("its log says: ")
