"""Model profiles: `models/NAME.toml`, and each mistake in one."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_codeneedle.core.errors import ConfigurationError, ModelError
from pytest_codeneedle.server.model_profile import Profile, find_profile, known_profiles, read_profile

WHOLE = """
name = "qwen3.6-27b"
path = "$GGUFS/qwen.gguf"
think = "prefill"
stop = ["\\n---", "\\nTask:"]
max_tokens = 1500
relax_indent = false
server_args = '-ngl 99 -ot "blk.1=CPU"'

[request]
reasoning_effort = "none"
temperature = 1.0
"""


def write(root: Path, text: str, name: str = "qwen") -> Path:
    """A profile."""
    path = root / "models" / f"{name}.toml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_a_profile_says_it_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every key, with the environment's variables in the path."""
    monkeypatch.setenv("GGUFS", "/srv/gguf")
    path = write(tmp_path, WHOLE)

    assert Profile(
        name="qwen3.6-27b",
        file=path,
        path=Path("/srv/gguf/qwen.gguf"),
        think="prefill",
        stop=("\n---", "\nTask:"),
        max_tokens=1500,
        relax_indent=False,
        server_args=("-ngl", "99", "-ot", "blk.1=CPU"),
        request={"reasoning_effort": "none", "temperature": 1.0},
    ) == read_profile(path)


def test_nothing_has_to_be_said(tmp_path: Path) -> None:
    """The name is then that of the file, and the rest is left to the defaults."""
    path = write(tmp_path, "")
    assert Profile(name="qwen", file=path) == read_profile(path)


def test_where_a_path_counts_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the project's root, which is the folder that `models` lies in, or from home."""
    monkeypatch.setenv("HOME", "/home/someone")
    for given, expected in (("gguf/a.gguf", tmp_path / "gguf/a.gguf"), ("~/a.gguf", Path("/home/someone/a.gguf"))):
        assert expected == read_profile(write(tmp_path, f'path = "{given}"\n')).path


def test_words_may_be_a_list(tmp_path: Path) -> None:
    """Each word as it is."""
    profile = read_profile(write(tmp_path, "server_args = ['-ot', 'a b=CPU']\nstop = 'END'\n"))
    assert (("-ot", "a b=CPU"), ("END",)) == (profile.server_args, profile.stop)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nam = 'x'", "unknown key 'nam' in the file; there is name, path, think, stop, max_tokens"),
        ("name = 3", "name = 3 is not a string"),
        ("think = 'off'", "think = 'off' is unknown; there is auto, template, no-think, prefill, on"),
        ("max_tokens = 0", "max_tokens = 0 is not a whole number of 1 or more"),
        ("relax_indent = 'yes'", "relax_indent = 'yes' is neither true nor false"),
        ("stop = 3", "stop = 3 is not a string or a list of strings"),
        ("path = '$NO_SUCH_VARIABLE/a.gguf'", "the environment variable NO_SUCH_VARIABLE is not set"),
        ("path = '${NO_SUCH_VARIABLE}/a.gguf'", "the environment variable NO_SUCH_VARIABLE is not set"),
        ("[request]\nstream = false", "[request] stream is set by the grid; leave it out"),
        ("request = 3", "[request] is not a table"),
        ("name = ", "Invalid value"),
    ],
)
def test_mistakes(tmp_path: Path, text: str, said: str) -> None:
    """Each message has the file, the key and the value."""
    path = write(tmp_path, text)
    with pytest.raises(ModelError) as caught:
        read_profile(path)
    assert str(caught.value).startswith(f"model profile {path}: ")
    assert said in str(caught.value)


def test_server_arguments_that_the_grid_sets_are_refused(tmp_path: Path) -> None:
    """As on the command line."""
    with pytest.raises(ConfigurationError, match="server argument -ctk is set by the grid"):
        read_profile(write(tmp_path, "server_args = '-ctk q8_0'\n"))


def test_which_names_are_profiles(tmp_path: Path) -> None:
    """Those of the first root that has one; a file of that name is a file."""
    for root in ("one", "two"):
        (tmp_path / root).mkdir()
        write(tmp_path / root, f"name = '{root}'", "shared")
    write(tmp_path / "two", "", "own")
    roots = [tmp_path / "one", tmp_path / "two"]

    assert ["own", "shared"] == list(known_profiles(roots[1]))
    names = {name: find_profile(name, tmp_path, roots) for name in ("shared", "own", "neither", "control:robust")}
    assert {"shared": "one", "own": "own"} == {name: found.name for name, found in names.items() if found}
    (tmp_path / "shared").touch()
    assert find_profile("shared", tmp_path, roots) is None
