"""How many tokens a question may have: what the model is trained for, what the arguments say, what a slot gets.

llama-server caps a slot at the model's trained context; builds before the end of 2025 run on past it, and what they
recall there is no cache's doing.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_codeneedle.core.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_TRAINED = re.compile(r"\bn_ctx_train\s*=\s*(?P<tokens>\d+)")
_ARCHITECTURE = re.compile(r"\barch\s*=\s*(?P<name>[\w.-]+)")
_CAPPED = re.compile(r"^.*\bcapping\b.*$", re.MULTILINE)
#: What llama-server's lines begin with: time, level, function.
_PREFIX = re.compile(r"^[\d.]+ [A-Z] +(?:\w+ +\w+: +)?")
_PER_SLOT = ("--kv-unified-per-slot", "LLAMA_ARG_KV_UNIFIED_PER_SLOT")
#: Arguments that stretch positions, and the variables that stand for them.
_STRETCHING = {
    "--rope-scaling": "LLAMA_ARG_ROPE_SCALING_TYPE",
    "--rope-scale": "LLAMA_ARG_ROPE_SCALE",
    "--rope-freq-scale": "LLAMA_ARG_ROPE_FREQ_SCALE",
    "--yarn-orig-ctx": "LLAMA_ARG_YARN_ORIG_CTX",
}


@dataclass(frozen=True)
class ContextLimits:
    """The tokens that a slot can hold at most, each None where nothing says it.

    `given` is the user's own context, `per_slot` their cap on a slot, `trained` what the model is trained for; with
    `stretched` its positions are scaled, and that is no limit. `architecture` is llama.cpp's word for the model.
    """

    given: int | None = None
    per_slot: int | None = None
    trained: int | None = None
    stretched: bool = False
    architecture: str = "ARCH"

    def context(self, needed: int) -> int:
        """The context for questions that need so many tokens: no more than the model is trained for."""
        if self.given is not None:
            return self.given
        return needed if self.trained is None or self.stretched else max(1, min(needed, self.trained))

    def check(self, corpus: str, prompt: int, answer: int) -> None:
        """Raise ConfigurationError where the longest prompt and its answer (tokens) fit none of these limits."""
        needed = prompt + answer
        needs = f"{corpus}: the longest question needs {needed:,} tokens (prompt {prompt:,}, answer {answer:,})"
        if self.trained is not None and not self.stretched and needed > self.trained:
            msg = (
                f"{needs}, and the model is trained for {self.trained:,}: give the corpus [trim] max_tokens, take a "
                f"shorter one, or stretch the model with {self._stretch(needed)}"
            )
            raise ConfigurationError(msg)
        if self.per_slot is not None and needed > self.per_slot:
            msg = f"{needs}, and {_PER_SLOT[0]} {self.per_slot} gives a slot no more; raise that, or leave it out"
            raise ConfigurationError(msg)
        if self.given is not None and needed > self.given:
            msg = f"{needs}, and the context given (--kv-n-ctx, -c) has {self.given:,}; raise it, or leave it out"
            raise ConfigurationError(msg)

    def caution(self, corpus: str, prompt: int, answer: int) -> str:
        """What to know of such a question to a stretched model before its cells are asked; nothing where it fits."""
        needed = prompt + answer
        if not self.stretched or self.trained is None or needed <= self.trained:
            return ""
        return (
            f"{corpus}: the longest question needs {needed:,} tokens of a model trained for {self.trained:,} and "
            f"stretched: newer builds cap a slot at what its file says, unless that is raised: {self._override(needed)}"
        )

    def too_small(self, log: str, asked: int, there: int, needed: int) -> str:
        """Why a slot has only `there` tokens of the `asked`, by its server's log, and what helps."""
        capped = _CAPPED.search(log)
        if there >= asked or capped is None:
            return "raise it (--kv-n-ctx, -c), leave that out, or shorten the corpus"
        line = _PREFIX.sub("", capped[0].strip())
        if self.trained is not None and there >= self.trained:
            return f"its log says: {line}; shorten the corpus, or give {self._stretch(needed)}"
        return f"its log says: {line}; raise that limit, or shorten the corpus"

    def _stretch(self, needed: int) -> str:
        return f"--rope-scaling yarn (and {self._override(needed)})"

    def _override(self, needed: int) -> str:
        """Newer builds go by what the file says, whatever the scaling."""
        return f"--override-kv {self.architecture}.context_length=int:{needed}"


def read_context_limits(
    log: str, words: Sequence[str], environment: Mapping[str, str], given: int | None
) -> ContextLimits:
    """The limits by a server's log and by the arguments and variables that it is started with."""
    trained, architecture = _TRAINED.search(log), _ARCHITECTURE.search(log)
    per_slot = _value(_PER_SLOT[0], words) or environment.get(_PER_SLOT[1], "")
    return ContextLimits(
        given=given,
        per_slot=int(per_slot) if per_slot.isdecimal() and int(per_slot) else None,
        trained=int(trained["tokens"]) or None if trained else None,
        stretched=any(
            (_value(name, words) or environment.get(variable, "none")) != "none"
            for name, variable in _STRETCHING.items()
        ),
        architecture=architecture["name"] if architecture else "ARCH",
    )


def _value(name: str, words: Sequence[str]) -> str:
    """The word after this argument, the last one where there are several; in long names `_` counts as `-`."""
    values = [value for word, value in itertools.pairwise(words) if word.replace("_", "-") == name]
    return values[-1] if values else ""
