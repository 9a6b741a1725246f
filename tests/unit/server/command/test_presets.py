"""A router's presets: each model's own command can be told from the file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_codeneedle.server.command.presets import preset_commands

if TYPE_CHECKING:
    from pathlib import Path

PRESET = """\
version = 1
[*]
ngl = 99
jinja
[qwen]
model = my models/m.gguf
ctx-size = 8192
LLAMA_ARG_CACHE_TYPE_K = q8_0
[gemma]
hf = org/gemma:Q4_0
"""


def test_each_model_has_its_command(tmp_path: Path) -> None:
    """With the arguments of all models, and its own."""
    path = tmp_path / "presets.ini"
    path.write_text(PRESET)

    assert [
        "llama-server -m 'my models/m.gguf' -c 8192 -ctk q8_0 --version 1 -ngl 99 --jinja",
        "llama-server -hf org/gemma:Q4_0 --version 1 -ngl 99 --jinja",
    ] == preset_commands(path)


@pytest.mark.parametrize("text", ["", "[*]\nngl = 1\n", "[a\n", "\x00\xff"])
def test_a_file_that_names_no_model(tmp_path: Path, text: str) -> None:
    """Nothing can be told from it."""
    path = tmp_path / "presets.ini"
    path.write_text(text, encoding="latin-1")

    assert [] == preset_commands(path)
    assert [] == preset_commands(tmp_path)
