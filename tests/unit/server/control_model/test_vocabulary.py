"""The control model's vocabulary and its code: the distances that copying relies on, checked exactly."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from pytest_codeneedle.corpus.random_bodies import RandomBodies, lexicon
from pytest_codeneedle.server.control_model.vocabulary import (
    BOS,
    CODE_SIGNS,
    ENDS_ANSWER,
    EOS,
    UNKNOWN,
    Vocabulary,
    golay_signs,
    vocabulary,
)

gguf = pytest.importorskip("gguf")


@pytest.fixture(scope="module")
def words() -> Vocabulary:
    """The one vocabulary."""
    return vocabulary()


def ordinary(words: Vocabulary) -> list[int]:
    """Tokens that a generated corpus or a task may show: not bytes, syllables or halves, nor the unknown."""
    lesser = {*lexicon().syllables, *lexicon().halves, "<unk>"}
    return [at for at, piece in enumerate(words.pieces) if piece not in lesser and not piece.startswith("<0x")]


def test_the_golay_code_has_4096_words_of_24_signs() -> None:
    """All different, each place one of two signs."""
    signs = golay_signs()

    assert (4096, CODE_SIGNS) == signs.shape
    assert {-1.0, 1.0} == set(np.unique(signs))
    assert 4096 == len(np.unique(signs, axis=0))


def test_any_two_golay_words_differ_in_eight_places() -> None:
    """The code is linear, so its weights are its distances: 0, 8, 12, 16 and 24, as often as is known."""
    bits = golay_signs() < 0
    weights, counts = np.unique(bits.sum(axis=1), return_counts=True)
    known = {row.tobytes() for row in np.packbits(bits, axis=1)}

    assert {0: 1, 8: 759, 12: 2576, 16: 759, 24: 1} == dict(zip(weights.tolist(), counts.tolist(), strict=True))
    for word in bits[1 << np.arange(12)]:  # closed under a basis, so under all sums
        assert known == {row.tobytes() for row in np.packbits(bits ^ word, axis=1)}


def test_pieces_scores_types_and_codes_belong_together(words: Vocabulary) -> None:
    """One of each for every token, and no piece twice."""
    assert 4533 == len(words) == len(set(words.pieces))
    assert len(words) == len(words.scores) == len(words.types) == len(words.codes)
    assert ["<unk>", "<s>", "</s>"] == [words.pieces[at] for at in (UNKNOWN, BOS, EOS)]
    kinds = gguf.TokenType
    assert [kinds.UNKNOWN, kinds.CONTROL, kinds.CONTROL] == list(words.types[:3])
    assert [f"<0x{value:02X}>" for value in range(256)] == list(words.pieces[3:259])
    assert {int(kinds.BYTE)} == set(words.types[3:259])
    assert {int(kinds.NORMAL)} == set(words.types[259:])


def test_every_text_has_tokens(words: Vocabulary) -> None:
    """All printable characters of ASCII are there, bytes for the rest, and every word of the lexicon."""
    pieces = set(words.pieces)

    assert {chr(value) for value in range(33, 127)} <= pieces
    assert {"▁", "\n"} <= pieces
    assert set(lexicon().words) <= pieces


def test_larger_pieces_are_joined_later(words: Vocabulary) -> None:
    """Syllables before halves, halves before words, words before joints, single characters last of all."""
    score = dict(zip(words.pieces, words.scores, strict=True))
    made = lexicon()
    ranks = [{score[piece] for piece in pieces} for pieces in (made.syllables, made.halves, made.words)]

    assert [{-1.0}, {-2.0}, {-3.0}] == ranks
    assert max(score[piece] for piece in ("▁▁", "▁=▁", "def▁", "():\n", '"\n▁▁▁▁')) < -3.0
    assert {-100.0} == {score[piece] for piece in ("a", "~", "(")}


def merged(text: str, words: Vocabulary) -> list[str]:
    """The text cut by llama.cpp's SPM rule: join the neighbours whose union scores best, leftmost first."""
    score = dict(zip(words.pieces, words.scores, strict=True))
    parts = list(text.replace(" ", "▁"))
    while True:
        unions = [(score[a + b], -at) for at, (a, b) in enumerate(pairwise(parts)) if a + b in score]
        if not unions:
            return parts
        at = -max(unions)[1]
        parts[at : at + 2] = [parts[at] + parts[at + 1]]


def test_a_line_of_a_generated_corpus_is_six_tokens(words: Vocabulary) -> None:
    """Indent with the line end before it, word, joint and three words: decoding time hangs on that."""
    header, *lines = RandomBodies(functions=1, body_lines=3).text().splitlines()
    name = header.removeprefix("def ").removesuffix("():")
    expected = ["def▁", name[:8], name[8:], "():\n", "▁▁▁▁"]
    for line in lines:
        word, _, literal = line.strip().partition(" = ")
        text = literal.strip('"')
        expected += [word, '▁=▁"', text[:8], text[8:16], text[16:], '"\n▁▁▁▁']
    expected[-1] = '"\n'

    assert expected == merged("\n".join([header, *lines, ""]), words)


def test_codes_of_ordinary_tokens_are_far_apart(words: Vocabulary) -> None:
    """Distinct Golay words: the product of two is at most 8 where a code with itself has 24."""
    ends = [words.pieces.index(piece) for piece in ENDS_ANSWER]
    own = [at for at in ordinary(words) if at != ends[1]]
    codes = words.codes[own].astype(np.float32)
    products = codes @ codes.T

    assert {24.0} == set(np.diag(products))
    np.fill_diagonal(products, -24.0)
    assert 8.0 == products.max()
    assert {row.tobytes() for row in words.codes[own]} <= {row.tobytes() for row in golay_signs()}


def test_codes_of_rare_tokens_keep_away_from_all(words: Vocabulary) -> None:
    """Four signs are turned: at most 16 with any Golay word, at most 8 among themselves."""
    own = set(ordinary(words))
    rare = words.codes[[at for at in range(len(words)) if at not in own]]
    among = rare @ rare.T
    np.fill_diagonal(among, -24.0)

    assert 16.0 == (rare @ golay_signs().T).max()
    assert 8.0 == among.max()


def test_what_ends_an_answer_has_one_code(words: Vocabulary) -> None:
    """The head of the next function and the rule under the text; no other two tokens share theirs."""
    first, second = (words.pieces.index(piece) for piece in ENDS_ANSWER)

    assert words.codes[first].tolist() == words.codes[second].tolist()
    assert len(words) - 1 == len(np.unique(words.codes, axis=0))
