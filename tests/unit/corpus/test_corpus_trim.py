"""`[trim]`: as many whole files as have so many tokens together."""

from __future__ import annotations

import contextlib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_codeneedle.core.errors import CorpusError
from pytest_codeneedle.corpus import function_cache
from pytest_codeneedle.corpus.corpus import Corpus, load_corpus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_codeneedle.corpus.functions.function import Function


def write(root: Path, name: str, text: str) -> Path:
    """A file below `root`, with the folders above it."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def python(name: str, lines: int = 3) -> str:
    """A function whose body has so many lines."""
    return f"def {name}():\n" + "".join(f"    {name}_{number} = {number}\n" for number in range(lines))


def many(root: Path, *sizes: int) -> Corpus:
    """A corpus of so many files with a function of so many lines each, trimmed to 100 of whatever is counted."""
    for number, size in enumerate(sizes):
        write(root, f"src/{number:02}.py", python(f"f{number}", size))
    write(root, "corpora/mine.toml", '[files]\ndirectory = "src"\nglob = "*.py"\n[trim]\nmax_tokens = 100\n')
    return load_corpus("mine", root, min_lines=3)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(3, 60), min_size=1, max_size=9))
def test_trimming_keeps_as_many_whole_files_as_fit(sizes: list[int]) -> None:
    """From the beginning; what is kept fits, one file more would not, and nothing moves."""
    with TemporaryDirectory() as folder:
        whole = many(Path(folder), *sizes)

        def count(text: str) -> int:
            return text.count("\n")

        prefixes = [count("".join(part.text for part in whole.parts[:files])) for files in range(1, len(sizes) + 1)]
        fitting = sum(tokens <= 100 for tokens in prefixes)
        if not fitting:
            with pytest.raises(CorpusError, match=rf"its first file, 00\.py, has {prefixes[0]} tokens; raise \[trim\]"):
                whole.trimmed(count)
            return
        kept = whole.trimmed(count)

        assert fitting == len(kept.parts)
        assert whole.text.startswith(kept.text)
        assert whole.files == kept.files + kept.dropped
        assert list(whole.functions[: len(kept.functions)]) == list(kept.functions)
        assert (100, whole.first(fitting)) == (kept.max_tokens, kept)


def test_trimming_to_files_without_functions_is_refused(tmp_path: Path) -> None:
    """There would be nothing to ask for."""
    write(tmp_path, "src/00.py", "x = 1\n")
    write(tmp_path, "src/01.py", python("f", 200))
    write(tmp_path, "corpora/mine.toml", '[files]\ndirectory = "src"\nglob = "*.py"\n[trim]\nmax_tokens = 100\n')
    whole = load_corpus("mine", tmp_path)

    with pytest.raises(CorpusError, match=r"the 1 files that fit \[trim\] max_tokens = 100 have no long enough"):
        whole.trimmed(lambda text: text.count("\n"))


def test_without_a_limit_nothing_is_counted(tmp_path: Path) -> None:
    """The tokenizer is not asked."""
    write(tmp_path, "src/a.py", python("f", 20))
    write(tmp_path, "corpora/mine.toml", '[files]\ndirectory = "src"\nglob = "*.py"\n')
    corpus = load_corpus("mine", tmp_path)

    def refuse(_: str) -> int:
        raise AssertionError

    assert corpus is corpus.trimmed(refuse)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("[trim]\nmax_tokens = 0\n", "[trim] max_tokens = 0 is not a whole number of 1 or more"),
        ("[trim]\n", "[trim] max_tokens = 0 is not a whole number of 1 or more"),
        ("[trim]\ntokens = 5\n", "unknown key 'tokens' in [trim]; there is max_tokens"),
    ],
)
def test_mistakes_of_a_trim(tmp_path: Path, table: str, said: str) -> None:
    """It wants a number of tokens, and a corpus of files."""
    write(tmp_path, "src/a.py", python("f"))
    write(tmp_path, "corpora/mine.toml", '[files]\ndirectory = "src"\nglob = "a.py"\n' + table)
    with pytest.raises(CorpusError) as caught:
        load_corpus("mine", tmp_path)
    assert said in str(caught.value)

    write(tmp_path, "corpora/mine.toml", '[generate]\nkind = "random-bodies"\n' + "[trim]\nmax_tokens = 5\n")
    with pytest.raises(CorpusError, match=r"\[trim\] leaves out whole files, and only \[files\] has several"):
        load_corpus("mine", tmp_path)


def tree(root: Path, files: int, **texts: str) -> None:
    """So many files of one function of ten lines each, to be trimmed to 100 lines; some with another text."""
    for number in range(files):
        name = f"f{number:03}"
        write(root, f"src/{name}.py", texts.get(name, python(name, 10)))
    write(root, "corpora/mine.toml", '[files]\ndirectory = "src"\nglob = "*.py"\n[trim]\nmax_tokens = 100\n')


def lines(text: str) -> int:
    """A tokenizer for which a line is a token."""
    return text.count("\n")


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(3, 60), min_size=1, max_size=9), st.data())
def test_a_tree_is_trimmed_as_the_whole_corpus_is(sizes: list[int], data: st.DataObject) -> None:
    """The same files, functions and hashes, though the rest was not parsed."""
    with TemporaryDirectory() as folder:
        whole = many(Path(folder), *sizes)
        begun = load_corpus("mine", Path(folder), min_lines=3, whole=False)
        files = data.draw(st.integers(1, len(sizes) + 1))

        assert whole.sha256 == whole.whole_sha256 == begun.whole_sha256
        assert whole.first(files) == begun.first(files)
        if lines(whole.parts[0].text) <= 100:
            assert whole.trimmed(lines) == begun.trimmed(lines)


def test_of_a_tree_the_beginning_alone_is_parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """About as much as will be left, and what is left."""
    parsed: list[str] = []
    found = function_cache.named_functions

    def note(text: str, language: str, label: str) -> Iterator[Function]:
        parsed.append(label)
        return found(text, language, label)

    monkeypatch.setattr(function_cache, "named_functions", note)
    tree(tmp_path, 200)
    begun = load_corpus("mine", tmp_path, min_lines=3, whole=False)
    kept = begun.trimmed(lines)

    assert [f"f{number:03}.py" for number in range(len(parsed))] == parsed
    assert len(kept.parts) == 7 <= len(parsed) < 20
    assert 193 == len(kept.dropped)


def test_files_that_do_not_parse_matter_where_they_are_left(tmp_path: Path) -> None:
    """One that is trimmed away is no error; one that is left is, and may be left out."""
    tree(tmp_path, 50, f009="def (:\n", f040="def (:\n")
    assert 7 == len(load_corpus("mine", tmp_path, min_lines=3, whole=False).trimmed(lines).parts)

    tree(tmp_path, 50, f005="def (:\n")
    begun = load_corpus("mine", tmp_path, min_lines=3, whole=False)
    with pytest.raises(CorpusError, match=r"f005\.py, line 1: not Python.*exclude the file"):
        begun.trimmed(lines)

    begun = load_corpus("mine", tmp_path, min_lines=3, whole=False, skip_unparsable=True)
    kept = begun.trimmed(lines)
    assert ["f005.py"] == [one.label for one in kept.skipped]
    assert [f"f00{number}.py" for number in (0, 1, 2, 3, 4, 6, 7)] == list(kept.files)
    assert kept == begun.first(7)


def test_what_takes_long_is_heard_of(tmp_path: Path) -> None:
    """Reading, parsing and counting, with how far each is."""
    heard: list[str] = []

    @contextlib.contextmanager
    def progress(what: str) -> Iterator[Callable[[str], object]]:
        heard.append(what)
        yield heard.append

    tree(tmp_path, 30)
    load_corpus("mine", tmp_path, min_lines=3, whole=False, progress=progress).trimmed(lines, progress)
    load_corpus("mine", tmp_path, min_lines=3, progress=progress)
    said = ["corpus mine", "reading file 30 of 30", "parsing file 7 of 30", "corpus mine, [trim] max_tokens = 100"]
    assert set(said) <= set(heard)
    assert any(one.startswith("counting the tokens of its first ") for one in heard)
    assert "parsing file 30 of 30" in heard
