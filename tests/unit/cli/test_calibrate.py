"""`codeneedle calibrate`: how its messages read."""

from __future__ import annotations

import pytest

from pytest_codeneedle.cli.calibrate import in_own_words
from pytest_codeneedle.core.errors import ConfigurationError
from pytest_codeneedle.server.command.user_command import parse_command


def test_options_are_called_as_they_are_here() -> None:
    """Those of pytest's have other names."""
    with pytest.raises(ConfigurationError) as caught:
        parse_command("ssh host llama-server")
    assert in_own_words(str(caught.value)).startswith("--server: a server behind ssh")
    assert "use --server-args" == in_own_words("use --kv-server-args")
