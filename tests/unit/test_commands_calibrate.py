"""`codeneedle calibrate`: how its messages read."""

from __future__ import annotations

import pytest

from pytest_codeneedle.command import parse_command
from pytest_codeneedle.commands_calibrate import in_own_words
from pytest_codeneedle.errors import ConfigurationError


def test_options_are_called_as_they_are_here() -> None:
    """Those of pytest's have other names."""
    with pytest.raises(ConfigurationError) as caught:
        parse_command("ssh host llama-server")
    assert in_own_words(str(caught.value)).startswith("--server: a server behind ssh")
    assert "use --server-args" == in_own_words("use --kv-server-args")
