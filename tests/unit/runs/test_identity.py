"""What answers depend on: one key for the same, another for anything else, and the part that changed is named."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_codeneedle.runs.identity import THINKING, Identity, recorded_identity, with_thinking

VALUES = st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.lists(st.text(max_size=4), max_size=3)
PARTS = st.dictionaries(st.text(max_size=6), VALUES, max_size=5)


@given(PARTS)
def test_the_order_of_the_parts_is_nothing(parts: dict[str, Any]) -> None:
    """Equal parts have one key, in whatever order they were put together."""
    again = Identity(dict(reversed(parts.items())))

    assert Identity(parts).key == again.key
    assert [] == Identity(parts).differences(again)


@given(PARTS, st.text(max_size=6), VALUES)
def test_a_part_that_changed_is_another_key(parts: dict[str, Any], name: str, value: object) -> None:
    """Whatever the part is, and also where it was not there before."""
    changed = {**parts, name: value}
    same = parts.get(name, "absent") == value and type(parts.get(name)) is type(value)

    assert same == (Identity(parts).key == Identity(changed).key)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        pytest.param(20, 10, "part was 20, is 10", id="numbers"),
        pytest.param("ab" * 32, "cd" * 32, "part was abababababab, is cdcdcdcdcdcd", id="hashes are shortened"),
        pytest.param([], ["-ngl", "99"], "part was none, is -ngl 99", id="lists are words"),
        pytest.param(None, "off", "part was unset, is off", id="nothing"),
    ],
)
def test_a_difference_is_said_with_both_values(old: object, new: object, said: str) -> None:
    """As a person compares them."""
    assert [said] == Identity({"part": new, "same": 1}).differences(Identity({"part": old, "same": 1}))


OLD = {"--lora a.gguf": "ab" * 32, "--mmproj b.gguf": "00" * 32}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        pytest.param(
            OLD,
            {**OLD, "--lora a.gguf": "cd" * 32},
            ["--lora a.gguf: sha256 was abababababab, is cdcdcdcdcdcd"],
            id="another content",
        ),
        pytest.param({}, {"--lora a.gguf": "cd" * 32}, ["--lora a.gguf: sha256 was unset, is cdcdcdcdcdcd"], id="new"),
        pytest.param({"cpu": "A"}, {"cpu": "B"}, ["part cpu was A, is B"], id="no file"),
        pytest.param(None, OLD, ["part was not recorded"], id="of an older version"),
        pytest.param(OLD, None, ["part is not recorded"], id="of a newer version"),
        pytest.param(None, {}, [], id="nothing in it"),
        pytest.param(
            {},
            {f"lib{at}": "ab" * 32 for at in range(5)},
            [*(f"lib{at}: sha256 was unset, is abababababab" for at in range(3)), "2 more of part"],
            id="many",
        ),
    ],
)
def test_each_part_of_a_part_is_named(old: object, new: object, said: list[str]) -> None:
    """A file by its flag and its last name."""
    assert said == Identity({"part": new}).differences(Identity({"part": old}))


def test_parts_that_are_not_known_yet_are_not_compared() -> None:
    """Neither on one side nor on the other."""
    now, earlier = Identity({"n_ctx": None, "lines": 20}), Identity({"n_ctx": 2048, "lines": 10})

    assert ["lines was 10, is 20"] == now.differences(earlier, but=("n_ctx",))
    assert [] == now.differences(earlier, but=("n_ctx", "lines"))


def test_a_key_is_sixteen_digits() -> None:
    """Short enough for every row, and pinned: another key would have all answers asked anew."""
    assert "a00833ce1cdf5a07" == Identity({"lines": 20, "server_args": ["-ngl", "99"], "n_ctx": None}).key


PREFILL = {"technique": "prefill", "template_kwargs": {}, "ending": "<think></think>", "opening": "", "said": "off"}
SWITCH = {"technique": "template", "template_kwargs": {"thinking": False}, "ending": "", "opening": "", "said": "off"}


def test_how_thinking_was_settled_is_counted() -> None:
    """A run that is gone on with agrees in it; in which words it is said is nothing."""
    new = with_thinking(Identity({"lines": 20}), PREFILL, None)
    stored = {"identity": dict(new.parts), "thinking_settled": PREFILL}

    assert new == with_thinking(Identity({"lines": 20}), {**PREFILL, "said": "otherwise"}, stored)
    other = with_thinking(Identity({"lines": 20}), SWITCH, stored)
    assert new.key != other.key
    assert [
        "thinking technique was prefill, is template",
        "thinking template_kwargs was {}, is {'thinking': False}",
        "thinking ending was <think></think>, is ",
    ] == other.differences(recorded_identity(stored))


def test_an_older_run_keeps_its_key_where_the_same_was_settled() -> None:
    """It says so outside of its identity; where another was settled, both are named."""
    stored = {"identity": {"lines": 20}, "thinking_settled": PREFILL}

    assert Identity({"lines": 20}) == with_thinking(Identity({"lines": 20}), PREFILL, stored)
    other = with_thinking(Identity({"lines": 20}), SWITCH, stored)
    assert "thinking technique was prefill, is template" == other.differences(recorded_identity(stored))[0]
    assert Identity({"lines": 20}) == with_thinking(Identity({"lines": 20}), PREFILL, {"identity": {"lines": 20}})
    assert "template" == with_thinking(Identity({}), SWITCH, stored).parts[THINKING]["technique"]
