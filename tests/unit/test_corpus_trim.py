"""`[trim]`: as many whole files as have so many tokens together."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_codeneedle.corpus import Corpus, load_corpus
from pytest_codeneedle.errors import CorpusError


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
