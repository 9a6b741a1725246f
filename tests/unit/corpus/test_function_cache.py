"""What parsers found is kept by content, and found again; nothing of the code is kept."""

from __future__ import annotations

import importlib.metadata
import stat
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_codeneedle.core.cache_notes import read_note
from pytest_codeneedle.corpus import function_cache
from pytest_codeneedle.corpus.function_cache import found_in
from pytest_codeneedle.corpus.sources import SourceFile

FILES = (
    SourceFile("a.py", "def first():\n    secret = 'one'\n\nasync def second(): pass\n", "python"),
    SourceFile("b.py", "def broken(:\n", "python"),
    SourceFile("c.js", "var third = () => {\n  a;\n};\n", "javascript"),
)

#: An entry whose function begins at another line.
PLACES = '[{{"functions": [["f", {0}, 1, 1]], "problem": null}}, {{"functions": [], "problem": null}}, {{}}]'


def entries(cache: Path) -> list[Path]:
    """The files of the cache."""
    return sorted((cache / "functions").iterdir())


@pytest.fixture
def no_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parsing is an error: what comes, comes from the cache."""

    def refuse(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(function_cache, "named_functions", refuse)


def test_what_was_found_is_found_again(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """The same functions and the same problems, without parsing."""
    parsed = found_in(FILES, tmp_path)
    assert found_in(FILES, None) == parsed
    assert ["first", "second"] == [one.name for one in parsed[0].functions]
    assert "b.py, line 1: not Python " in (parsed[1].problem or "")

    request.getfixturevalue("no_parser")
    assert parsed == found_in(FILES, tmp_path)
    with pytest.raises(AssertionError):
        found_in(FILES, None)


@pytest.mark.parametrize(
    "changed",
    [
        (FILES[0],),
        (FILES[1], FILES[0], FILES[2]),
        (SourceFile("a.py", FILES[0].text + "\n", "python"), *FILES[1:]),
        (SourceFile("z.py", FILES[0].text, "python"), *FILES[1:]),
        (SourceFile("a.py", FILES[0].text, "javascript"), *FILES[1:]),
    ],
)
def test_anything_else_is_parsed_anew(tmp_path: Path, changed: tuple[SourceFile, ...]) -> None:
    """Another text, name, language or order has an entry of its own."""
    found_in(FILES, tmp_path)
    assert found_in(changed, None) == found_in(changed, tmp_path)
    assert 2 == len(entries(tmp_path))


def test_another_parser_is_asked_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A newer version may read otherwise."""
    found_in(FILES, tmp_path)
    monkeypatch.setattr(importlib.metadata, "version", lambda name: f"{name} 99")
    found_in(FILES, tmp_path)
    assert 2 == len(entries(tmp_path))


@pytest.mark.parametrize(
    "damage",
    [
        "",
        "[",
        "[" * 100_000,
        PLACES.format(-5),
        PLACES.format(99),
        "[]",
        "{}",
        '[{"functions": [[1]], "problem": null}, 2, 3]',
        "\xff",
    ],
)
def test_a_damaged_entry_is_made_anew(tmp_path: Path, damage: str) -> None:
    """It is a cache: what is wrong with it costs time and nothing else."""
    expected = found_in(FILES, tmp_path)
    (entry,) = entries(tmp_path)
    whole = entry.read_bytes()
    entry.write_bytes(damage.encode("latin-1"))

    assert expected == found_in(FILES, tmp_path)
    assert whole == entry.read_bytes()


@settings(max_examples=200)
@given(st.data())
def test_no_altered_entry_is_believed(data: st.DataObject) -> None:
    """Whatever bit is another one, the functions are those of the text: a line off would be another question."""
    with TemporaryDirectory() as folder:
        cache = Path(folder)
        expected = found_in(FILES, cache)
        (entry,) = entries(cache)
        content = bytearray(entry.read_bytes())
        content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
        entry.write_bytes(content)

        assert expected == found_in(FILES, cache)


def test_no_code_is_kept(tmp_path: Path) -> None:
    """Names and numbers, in a file for its owner alone."""
    found_in(FILES, tmp_path)
    (entry,) = entries(tmp_path)

    assert "secret" not in entry.read_text(encoding="utf-8")
    assert [["first", 2, 1, 1], ["second", 4, 1, 4]] == read_note(entry)[0]["functions"]
    assert 0o600 == stat.S_IMODE(entry.stat().st_mode)


def test_a_cache_that_cannot_be_written_is_none(tmp_path: Path) -> None:
    """A file where its folder should be."""
    (tmp_path / "functions").touch()
    assert found_in(FILES, None) == found_in(FILES, tmp_path)
