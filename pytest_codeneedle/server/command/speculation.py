"""Speculative decoding, by whatever door it comes: the words and variables that ask llama-server for it.

It drafts tokens that the model only confirms. No probability is told of those, so that margins would be of the few
others, and a draft has a KV cache of its own, whose types are not the cell's. No scored cell has it.

The spellings are a family and no list: those of llama.cpp's common/arg.cpp since 2024, of forks, and of builds to come.
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: A long name, or a variable's, has one of these parts: `--spec-type`, `--model-draft`, `--lookup-cache-dynamic`.
_PART = re.compile(
    r"spec|specdec|speculat\w+|n?draft\w*|lookup|lookaheads?|ngrams?|mtp\d*|nextn|eagle\d*|medusa|hydra|dflash|dspark|hfd"
)
#: A short name is that of the target's argument and a `d`: -md, -hfd, -ngld, -ctkd, -devd, -tbd, -Crbd, -ncmoed.
_SHORT = re.compile(
    r"-(?:(?:m|mu|hf[rf]?|ngl|c|b|ub|t|tb|dev|ct[kv]|C(?:r|b|rb)?|ot|n?cmoe|n?cffn|fa|sm|ts|mg|np|nkvo|kvo)d|lc[sd]|mtp)"
)
#: `--fim-qwen-7b-spec` names a model together with its draft.
_WITH_MODEL = re.compile(r"--(?!spec-|self-)[\w.-]+-spec")
_VARIABLE = re.compile(r"LLAMA_(?:ARG_)?(?P<name>\w+)")
_NUMBER = re.compile(r"-\.?\d")
#: What these say is what is done.
_OFF = ("--spec-type none", "LLAMA_ARG_SPEC_TYPE=none")


def is_speculative(word: str) -> bool:
    """Whether this word of a command line asks for speculation, or is about it; `_` counts as `-` in long names."""
    name = word.partition("=")[0]
    if not name.startswith("--"):
        return _SHORT.fullmatch(name) is not None
    return not brings_draft(name) and _has_part(name.removeprefix("--").replace("_", "-").split("-"))


def brings_draft(word: str) -> bool:
    """Whether this word stands for a model to download and its draft, so that it cannot be left out."""
    return _WITH_MODEL.fullmatch(word.replace("_", "-")) is not None


def is_speculative_variable(name: str) -> bool:
    """Whether llama-server reads from this environment variable what is about speculation."""
    found = _VARIABLE.fullmatch(name)
    return found is not None and _has_part(found["name"].split("_"))


def _has_part(parts: Iterable[str]) -> bool:
    return any(_PART.fullmatch(part.lower()) for part in parts)


def value_count(rest: Sequence[str]) -> int:
    """How many of the words behind such a flag are its values: llama-server takes no word that belongs to none."""
    flags = (at for at, word in enumerate(rest) if word.startswith("-") and not _NUMBER.match(word))
    return next(flags, len(rest))


def without_speculation(words: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The words that stay, and those that do not: each flag with its values, as a shell would read them."""
    kept: list[str] = []
    taken: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if not is_speculative(word):
            kept.append(word)
            continue
        values = value_count(rest)
        taken.append(shlex.join([word, *rest[:values]]))
        del rest[:values]
    return tuple(kept), asking(taken)


def asking(given: Iterable[str]) -> tuple[str, ...]:
    """Of flags with their values, and of variables as NAME=value, those that do not say that there is to be none."""
    return tuple(one for one in given if one not in _OFF)
