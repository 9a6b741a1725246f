"""An answer beside the expected text: which bytes are where in it, and where the two part."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_codeneedle.recall.alignment import Alignment, align
from pytest_codeneedle.recall.cleaning import clean
from pytest_codeneedle.recall.scoring import matched_lines, score

PRIMARY = ("    a = 1", "    if a:", "        b = 2", "", "    return b")
TEXT = "\n".join(PRIMARY)
LINES = st.sampled_from(["a = 1", "  a = 1", "b", "}", "", "é = 'ö'", "return", "\tb"])


def shown(alignment: Alignment) -> str:
    """The bytes of the text that the answer has, `.` for those that it has not."""
    there = set(alignment.places)
    text = alignment.text.decode()
    return "".join(char if place in there else "." for place, char in enumerate(text)).replace("\n", "|")


def parted(answer: str, after: str = "") -> tuple[str, str] | None:
    """How the answer goes on where the two part, and how the text does."""
    found = align(PRIMARY, (), answer, after)
    if found.left is None:
        return None
    return found.raw[found.left.at :].decode(), found.text[found.left.place :].decode()


def test_a_perfect_answer() -> None:
    """Every byte has its place, and nothing parts."""
    found = align(PRIMARY, (), f"{TEXT}\n")
    assert list(range(len(TEXT) + 1)) == found.places
    assert found.left is None


@pytest.mark.parametrize(
    "answer",
    [
        f"Here you are:\n```python\n{TEXT}\n```\nAnything else?",
        f"<think>\na = 1\n</think>\n{TEXT}",
        f"<think>hm</think>{TEXT}",
        f"[THINK]hm[/THINK]{TEXT}",
        f"{TEXT}<|close|>response<|sep|>",
        f"\n\n{TEXT}\n\n\ndef next():",
    ],
)
def test_what_is_not_scored_has_no_place(answer: str) -> None:
    """Preambles, fences, thinking, and what runs on; the text within has all of its places."""
    found = align(PRIMARY, (), answer)
    at = answer.index(TEXT)
    assert list(range(len(TEXT))) == found.places[at : at + len(TEXT)]
    assert {-1} == set(found.places[:at]) | set(found.places[at + len(TEXT) + 1 :])
    assert found.left is None


def test_other_indentation() -> None:
    """Lines that are indented otherwise are on the text; their own indentation is as far as it agrees."""
    found = align(PRIMARY, (), "a = 1\nif a:\n    b = 2\n\nreturn b")
    assert "....a = 1|....if a:|....    b = 2||....return b." == shown(found)
    assert found.left is None


def test_a_lost_line() -> None:
    """It is on the text up to the byte that differs; what comes after it is again, where lines match."""
    answer = TEXT.replace("b = 2", "b = 3")
    assert "    a = 1|    if a:|        b = ..|    return b." == shown(align(PRIMARY, (), answer))
    assert ("3\n\n    return b", "2\n\n    return b\n") == parted(answer)


@pytest.mark.parametrize(
    ("answer", "produced", "expected"),
    [
        # The first line, whole or in part; a preamble stands where it stands.
        ("x = 1\n    if a:\n        b = 2", "x = 1\n    if a:", "    a = 1\n    if"),
        ("Sure:\n    a = 2\n    if a:\n        b = 2\n\n    return b", "2\n    if", "1\n    if"),
        # Nothing is right.
        ("I do not know", "I do", "    a = 1"),
        # A line goes on where it should end, ends where it should go on, is skipped.
        (TEXT.replace("= 2", "= 25"), "5\n\n    return", "\n\n    return"),
        (TEXT.replace(" = 2", ""), "\n\n    return", " = 2\n\n"),
        ("    a = 1\n        b = 2\n\n    return b", "b = 2\n", "if a:\n"),
        # Indentation that differs is passed over, also where the rest differs too.
        ("a = 1\nif a:\n  c = 2\n\nreturn b", "c = 2\n", "      b = 2\n"),
        ("    a = 1\n    if a:\n", "", "        b = 2\n\n"),
        ("    a = 1\n    if a:\n      ", "", "  b = 2\n\n"),
        ("    a = 1\n    if a:", "", "\n        b = 2\n\n"),
        ("    a = 1\n    if a:\n        b =", "", " 2\n\n"),
        ("```\n    a = 1\n    if a:\n```\n", "```\n", "        b = 2\n\n"),
    ],
)
def test_where_they_part(answer: str, produced: str, expected: str) -> None:
    """The first byte that differs of the first line that was lost, or the answer's end."""
    found = parted(answer)
    assert found is not None
    assert (produced, expected) == (found[0][: len(produced)], found[1][: len(expected)])
    assert bool(produced) == bool(found[0])


def test_what_followed_unscored_is_read_on() -> None:
    """The stream was closed after as many lines, and the last of them is left in what came after."""
    answer = "    a = 1\n    if a:\n        b = 2\n\n"
    assert ("", "    return b\n") == parted(answer)
    assert ("x", "    return b\n") == parted(answer, "x")
    assert ("x", "turn b\n") == parted(answer, "    rex")


def test_a_line_too_many_loses_nothing() -> None:
    """All lines are there: the answer never left them for good."""
    assert parted(TEXT.replace("    if a:", "    # why?\n    if a:")) is None


def test_a_place_is_that_of_all_its_bytes() -> None:
    """Bytes that stand in the text one behind the other; white space may hang over its end."""
    found = align(PRIMARY, (), f"{TEXT}\n\n")
    assert (0, 4, 8) == (found.place(0, 4), found.place(4, 9), found.place(8, 14))
    end = len(TEXT)
    assert (end - 1, end - 1, None) == (
        found.place(end - 1, end),
        found.place(end - 1, end + 2),
        found.place(end, end + 1),
    )
    assert (None, None) == (found.place(3, 3), found.place(end, end + 9))
    skipped = align(PRIMARY, (), TEXT.replace("        b = 2\n\n", ""))
    assert (8, None) == (skipped.place(8, 15), skipped.place(19, 25))


def test_line_ends_of_another_system() -> None:
    """They are no bytes of the text; what stands between them is."""
    found = align(PRIMARY, (), TEXT.replace("\n", "\r\n"))
    assert "    a = 1.    if a:.        b = 2..    return b." == shown(found)
    assert found.left is None


@given(st.lists(LINES, min_size=1, max_size=6), st.lists(LINES | st.sampled_from(["```", "<think>", "</think>"])))
def test_places_hold_the_same_bytes(primary: list[str], produced: list[str]) -> None:
    """A byte of the answer is that of the text at its place, no place is taken twice, and matched lines have theirs."""
    answer = "\n".join(produced)
    found = align(primary, (), answer)
    pairs = [(byte, place) for byte, place in zip(found.raw, found.places, strict=True) if place >= 0]
    assert all(byte == found.text[place] for byte, place in pairs)
    assert len(pairs) == len({place for _, place in pairs})
    matched = score(primary, answer, relax_indent=True).primary_matched
    lines = found.text.split(b"\n")[:-1]
    starts = [sum(len(line) + 1 for line in lines[:at]) for at in range(len(lines))]
    there = {place for _, place in pairs}
    whole = sum(
        bool(line.strip()) and {start + at for at in range(len(line)) if line[at : at + 1].strip()} <= there
        for start, line in zip(starts, lines, strict=True)
    )
    assert whole >= matched - sum(not line.strip() for line in primary)


@given(st.lists(LINES, min_size=1, max_size=6), st.lists(LINES, max_size=8))
def test_they_part_where_a_line_was_lost(primary: list[str], produced: list[str]) -> None:
    """Only then, and the next byte of the two is not the same."""
    answer = "\n".join(produced)
    found = align(primary, (), answer)
    matched = matched_lines(primary, (), clean(answer), relax_indent=True)
    text = [at for at, line in enumerate(primary) if line.strip()]
    lost = [at for at in range(text[0], text[-1] + 1) if at not in matched] if text else []
    if found.left is None:
        return
    assert lost
    at = found.left.at
    assert at == len(found.raw) or found.raw[at] not in {found.text[found.left.place], found.text[found.left.content]}
