"""Text that is called like control tokens: the shapes of many vocabularies, and what is said of it."""

from __future__ import annotations

import pytest

from pytest_codeneedle.recall.control_text import ControlText, guessed


@pytest.mark.parametrize(
    "name",
    [
        *("<|im_end|>", "<|endoftext|>", "<|start_header_id|>", "<|channel|>", "<s>", "</s>", "<bos>", "<pad>"),
        *("<filename>", "<reponame>", "<issue_start>", "<empty_output>", "<fim_prefix>", "<file_sep>"),
        *("<end_of_turn>", "[INST]", "[/INST]", "<<SYS>>", "[gMASK]", "<\uff5cUser\uff5c>"),
    ],
)
def test_shapes(name: str) -> None:
    """Of the families of the last years."""
    assert ControlText(found=True, functions=("f",), known=False) == guessed("", {"f": f"read {name} now", "g": ""})
    assert ControlText(found=True, known=False) == guessed(f"read {name} now", {"f": "x"})


@pytest.mark.parametrize(
    "code", ["a < b | c > d", "<b>x</b>", "List<String>", "x <|> y", "<span>", "a[INSTANCE]", "<!s>"]
)
def test_other_code(code: str) -> None:
    """Brackets and bars are common in it."""
    assert not guessed(code, {"f": code}).found


@pytest.mark.parametrize(
    ("control", "begin", "end"),
    [
        (ControlText(), "", ""),
        (ControlText(found=True, as_tokens=True, functions=("f", "g")), "text that this", "(in lines of f, g) is sent"),
        (ControlText(found=True, as_tokens=True), "text that this model has control tokens for is sent as plain", ""),
        (
            ControlText(found=True, functions=("f",)),
            "holds text that this",
            "; such lines of f cannot be recalled; excl",
        ),
        (ControlText(found=True), "holds text that this", "; what stands above it may be lost; exclude those files"),
        (ControlText(found=True, functions=("f",), known=False), "holds text that many models", "such lines of f are"),
    ],
)
def test_what_is_said(control: ControlText, begin: str, end: str) -> None:
    """Before anything is asked, with the functions."""
    assert control.said.startswith(begin)
    assert end in control.said
    assert control.found == bool(control.said)
