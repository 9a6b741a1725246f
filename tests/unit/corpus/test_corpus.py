"""Corpora: each kind of source, each mistake in a corpus file, and where functions lie in the whole text."""

from __future__ import annotations

import hashlib
import http.server
import re
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_codeneedle.core.errors import CorpusError
from pytest_codeneedle.corpus import sources
from pytest_codeneedle.corpus.corpus import Corpus, known_corpora, load_corpus, shipped_folder
from pytest_codeneedle.corpus.random_bodies import RandomBodies


def write(root: Path, name: str, content: str | bytes) -> Path:
    """A file below `root`, with the folders above it; text gets line feeds on every system."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def python(name: str, lines: int = 3, *, end: str = "\n") -> str:
    """A function whose body has so many lines, each with the function's name in it."""
    return f"def {name}():{end}" + "".join(f"    {name}_{number} = {number}{end}" for number in range(lines))


def files_corpus(root: Path, glob: str = "*.py", *, min_lines: int = 3) -> Corpus:
    """The corpus `mine`, made of the files of `root/src`."""
    write(root, "corpora/mine.toml", f'[files]\ndirectory = "src"\nglob = "{glob}"\n')
    return load_corpus("mine", root, min_lines=min_lines)


def bodies(corpus: Corpus) -> dict[str, tuple[str, ...]]:
    """What stands in the corpus text where each function says that its body is."""
    rows = corpus.text.split("\n")
    return {f.name: tuple(rows[f.start_line - 1 : f.start_line - 1 + len(f.body)]) for f in corpus.functions}


def test_the_shipped_corpora_load(tmp_path: Path) -> None:
    """All of them, from any folder, with as many functions as their sample wants (http_server takes all it has)."""
    assert ["http_server", "jquery", "random-bodies", "random-bodies-mini"] == sorted(known_corpora(tmp_path))

    for name, least in (("http_server", 8), ("jquery", 16), ("random-bodies", 16), ("random-bodies-mini", 8)):
        corpus = load_corpus(name, tmp_path)
        assert name == corpus.name
        assert min(least, corpus.sample_k) <= len(corpus.sample()) <= corpus.sample_k
        assert {f.name: f.body for f in corpus.functions} == bodies(corpus)


def test_the_default_corpora_are_the_generated_ones(tmp_path: Path) -> None:
    """Their texts are those that the generator pins; the mini corpus asks for 8 functions."""
    whole, mini = (load_corpus(name, tmp_path) for name in ("random-bodies", "random-bodies-mini"))

    assert RandomBodies().text() == whole.text
    assert RandomBodies(functions=10, body_lines=20).text() == mini.text
    assert (True, "python", ("random-bodies.py",)) == (whole.generated, whole.language, whole.files)
    assert (200, 16, 10, 8) == (len(whole.functions), len(whole.sample()), len(mini.functions), len(mini.sample()))


def test_a_module_of_pythons_own_library(tmp_path: Path) -> None:
    """`http_server` is the file of the running interpreter."""
    corpus = load_corpus("http_server", tmp_path)

    assert Path(http.server.__file__).read_text(encoding="utf-8") == corpus.text
    assert (("http/server.py",), False, "python") == (corpus.files, corpus.generated, corpus.language)


def test_a_user_writes_a_corpus_of_files(tmp_path: Path) -> None:
    """A directory is relative to the folder that `corpora` lies in; files come in the order of their names."""
    write(tmp_path, "src/b.py", python("second"))
    write(tmp_path, "src/a.py", python("first"))
    write(tmp_path, "src/c.txt", "no code")
    corpus = files_corpus(tmp_path)

    assert ("a.py", "b.py") == corpus.files
    expected = f"# ====== a.py ======\n{python('first')}\n# ====== b.py ======\n{python('second')}\n"
    assert expected == corpus.text
    assert ["first", "second"] == [function.name for function in corpus.functions]
    assert ["a.py", "b.py"] == [function.source for function in corpus.functions]
    assert [(2, 3), (8, 9)] == [(function.signature_line, function.start_line) for function in corpus.functions]


def test_one_file_stands_as_it_is(tmp_path: Path) -> None:
    """Without a header line: line numbers are those of the file."""
    text = "import os\n\n" + python("only")
    write(tmp_path, "src/a.py", text)
    corpus = files_corpus(tmp_path)

    assert text == corpus.text
    assert [(3, 4)] == [(function.signature_line, function.start_line) for function in corpus.functions]


def test_folders_below_are_reached_by_a_glob(tmp_path: Path) -> None:
    """`**` goes down, and a file is named by its path."""
    write(tmp_path, "src/deep/er/a.py", python("only"))

    assert ("deep/er/a.py",) == files_corpus(tmp_path, "**/*.py").files


def test_javascript_files(tmp_path: Path) -> None:
    """The header of each file is a comment of its language; suffixes may be mixed and in capitals."""
    write(tmp_path, "src/a.js", "function one() {\n  a;\n  b;\n}\n")
    write(tmp_path, "src/b.MJS", "function two() {\n  c;\n  d;\n}")
    corpus = files_corpus(tmp_path, "*", min_lines=2)

    assert "javascript" == corpus.language
    assert "// ====== b.MJS ======\nfunction two() {\n" in corpus.text
    assert {"one": ("  a;", "  b;"), "two": ("  c;", "  d;")} == bodies(corpus)


def test_php_files(tmp_path: Path) -> None:
    """Templates and included files are PHP too; the header of a file is no part of what is parsed."""
    write(tmp_path, "src/a.php", "<?php function one() {\n  a();\n  b();\n}\n")
    write(tmp_path, "src/b.phtml", "<p>\n<?php $two = function () {\n  c();\n  d();\n} ?>\n</p>")
    write(tmp_path, "src/c.INC", "<?php class A { function three() {\n  e();\n  f();\n} }")
    corpus = files_corpus(tmp_path, "*", min_lines=2)

    assert "php" == corpus.language
    assert "// ====== b.phtml ======\n<p>\n" in corpus.text
    assert {"one": ("  a();", "  b();"), "two": ("  c();", "  d();"), "three": ("  e();", "  f();")} == bodies(corpus)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from(["f", "g", "h", "k"]), max_size=3, unique=True), min_size=1, max_size=4),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.booleans(),
    st.booleans(),
    st.integers(0, 2),
)
def test_start_lines_point_at_the_bodies_in_the_whole_text(
    files: list[list[str]], end: str, last_end: bool, mark: bool, above: int
) -> None:
    """However many files, with whatever line ends, with and without a byte-order mark or a last line end."""
    with TemporaryDirectory() as folder:
        root = Path(folder)
        for number, names in enumerate(files):
            text = end * above + end.join(python(name, 2 + number, end=end) for name in names)
            text = text if last_end else text.removesuffix(end)
            write(root, f"src/{number}.py", b"\xef\xbb\xbf" * mark + text.encode())
        names = [name for found in files for name in found]
        if not names:
            with pytest.raises(CorpusError, match=r"has no named function"):
                files_corpus(root, min_lines=2)
            return
        corpus = files_corpus(root, min_lines=2)
        rows = corpus.text.split("\n")

        assert set(names) == {function.name for function in corpus.functions}
        assert len(names) - len(set(names)) == corpus.same_names
        assert {f.name: f.body for f in corpus.functions} == bodies(corpus)
        for function in corpus.functions:
            first = next(number for number, found in enumerate(files) if function.name in found)
            assert f"{first}.py" == function.source
            assert f"def {function.name}():" == rows[function.signature_line - 1]
            assert tuple(f"    {function.name}_{number} = {number}" for number in range(2 + first)) == function.body
        assert "\r" not in corpus.text
        assert "\ufeff" not in corpus.text
        assert corpus.text.count("\n") + 1 == corpus.total_lines


def test_of_several_functions_with_one_name_the_first_wins(tmp_path: Path) -> None:
    """The others are counted."""
    for name in ("a", "b", "c"):
        write(tmp_path, f"src/{name}.py", python("same") + python(f"own_{name}"))
    corpus = files_corpus(tmp_path)

    assert ["same", "own_a", "own_b", "own_c"] == [function.name for function in corpus.functions]
    assert "a.py" == corpus.functions[0].source
    assert 2 == corpus.same_names


def test_line_ends_and_a_byte_order_mark_do_not_reach_the_model(tmp_path: Path) -> None:
    """A file from Windows gives the text, and so the sha256, of one from Linux."""
    text = "x = 'ä'\n" + python("only")
    write(tmp_path / "one", "src/a.py", text)
    write(tmp_path / "two", "src/a.py", b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    one, two = (files_corpus(tmp_path / name) for name in ("one", "two"))

    assert text == two.text
    assert one.sha256 == two.sha256 == hashlib.sha256(text.encode()).hexdigest()


def test_a_users_corpus_wins_over_a_shipped_one(tmp_path: Path) -> None:
    """A file of the same name in the user's `corpora` is the one that is read."""
    path = write(tmp_path, "corpora/random-bodies.toml", '[generate]\nkind = "random-bodies"\nfunctions = 2\n')

    assert 2 == len(load_corpus("random-bodies", tmp_path).functions)
    assert path == known_corpora(tmp_path)["random-bodies"]
    assert shipped_folder() == known_corpora(tmp_path)["random-bodies-mini"].parent


def test_in_a_wheel_corpora_lie_beside_the_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a checkout they lie one folder up."""
    module = tmp_path / "pytest_codeneedle" / "corpus" / "corpus.py"
    monkeypatch.setattr("pytest_codeneedle.corpus.corpus.__file__", str(module))
    assert tmp_path / "corpora" == shipped_folder()

    (tmp_path / "pytest_codeneedle" / "corpora").mkdir(parents=True)
    assert tmp_path / "pytest_codeneedle" / "corpora" == shipped_folder()


def test_the_sample_is_that_of_the_file_or_of_the_caller(tmp_path: Path) -> None:
    """Either number can be given; zero functions cannot be meant by leaving it out."""
    text = '[generate]\nkind = "random-bodies"\nfunctions = 30\n[sample]\nk = 5\nseed = 7\n'
    write(tmp_path, "corpora/mine.toml", text)
    corpus = load_corpus("mine", tmp_path)

    assert (5, 7, 5) == (corpus.sample_k, corpus.sample_seed, len(corpus.sample()))
    assert corpus.sample(5, 7) == corpus.sample()
    assert 9 == len(corpus.sample(9))
    assert corpus.sample(seed=8) != corpus.sample()
    assert corpus.sample(seed=0) != corpus.sample()


def test_a_file_without_a_sample_takes_the_published_one(tmp_path: Path) -> None:
    """16 functions with seed 42."""
    write(tmp_path, "corpora/mine.toml", '[generate]\nkind = "random-bodies"\nfunctions = 30\n')
    corpus = load_corpus("mine", tmp_path)

    assert (16, 42) == (corpus.sample_k, corpus.sample_seed)


def test_an_unknown_corpus_is_named_with_those_there_are(tmp_path: Path) -> None:
    """The user's own are among them."""
    write(tmp_path, "corpora/mine.toml", "")
    reason = (
        "unknown corpus 'jquerry'; there are http_server, jquery, mine, random-bodies, random-bodies-mini "
        "(corpora/NAME.toml adds one)"
    )

    with pytest.raises(CorpusError, match=rf"^{re.escape(reason)}$"):
        load_corpus("jquerry", tmp_path)


GENERATE = '[generate]\nkind = "random-bodies"\n'
FILES = '[files]\ndirectory = "src"\n'

MISTAKES = {
    "no-source": ("", "wants exactly one of [files], [package], [module], [generate], and has 0"),
    "two-sources": (
        GENERATE + '[module]\nname = "ast"\n',
        "wants exactly one of [files], [package], [module], [generate], and has 2",
    ),
    "unknown-table": (
        "[file]\n",
        "unknown key 'file' in the file; there is files, package, module, generate, sample, trim",
    ),
    "no-table": ("files = 1\n", "[files] is not a table"),
    "sample-no-table": ("sample = 1\n" + GENERATE, "[sample] is not a table"),
    "unknown-kind": ('[generate]\nkind = "words"\n', "[generate] kind = 'words' is unknown; there is random-bodies"),
    "no-kind": ("[generate]\n", "[generate] kind = None is unknown; there is random-bodies"),
    "unknown-knob": (
        GENERATE + "size = 3\n",
        "unknown key 'size' in [generate]; there is functions, value_len, seed, body_lines",
    ),
    "knob-text": (
        GENERATE + 'functions = "3"\n',
        "[generate] functions = '3' is not a whole number of 0 or more; did you mean 3?",
    ),
    "knob-negative": (GENERATE + "seed = -1\n", "[generate] seed = -1 is not a whole number of 0 or more"),
    "knob-bool": (GENERATE + "seed = true\n", "[generate] seed = True is not a whole number of 0 or more"),
    "sample-key": (GENERATE + "[sample]\nn = 3\n", "unknown key 'n' in [sample]; there is k, seed"),
    "sample-k": (GENERATE + "[sample]\nk = 0\n", "[sample] k = 0 is not a whole number of 1 or more"),
    "sample-seed": (GENERATE + "[sample]\nseed = 1.5\n", "[sample] seed = 1.5 is not a whole number of 0 or more"),
    "module-key": ("[module]\nfile = 1\n", "unknown key 'file' in [module]; there is name"),
    "no-module": (
        '[module]\nname = "no_such"\n',
        "[module] name = 'no_such' is not a Python module with a source file",
    ),
    "no-parent": (
        '[module]\nname = "no_such.child"\n',
        "[module] name = 'no_such.child' is not a Python module with a source file",
    ),
    "no-module-name": ("[module]\n", "[module] name = '' is not a Python module with a source file"),
    "built-in": ('[module]\nname = "sys"\n', "[module] name = 'sys' is not a Python module with a source file"),
    "files-key": (FILES + "k = 1\n", "unknown key 'k' in [files]; there is directory, glob, exclude, limit, encoding"),
    "no-directory": ('[files]\ndirectory = "none"\nglob = "*"\n', "[files] directory {root}/none is not there"),
    "no-glob": (FILES, '[files] wants a glob, for instance glob = "**/*.py"'),
    "no-match": (FILES + 'glob = "*.js"\n', "[files] glob = '*.js' matches no file in {root}/src"),
    "unknown-language": (
        FILES + 'glob = "*.rb"\n',
        (
            "its files are of no language that is read: .rb (1); a corpus is of python (.py .pyw .pyi), "
            "javascript (.js .jsx .mjs .cjs), php (.php .phtml .inc)"
        ),
    ),
    "mixed-languages": (
        FILES + 'glob = "[ab].*"\n',
        "[files] glob = '[ab].*' mixes languages: javascript (b.cjs), python (a.py); exclude all but one",
    ),
    "not-utf-8": (
        FILES + 'glob = "latin.py"\n',
        "{root}/src/latin.py: not UTF-8 at byte 5; set encoding, or exclude the file",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_a_corpus_file_is_named(tmp_path: Path, mistake: str) -> None:
    """Every message has the corpus, its file, what is wrong there and what could be there."""
    write(tmp_path, "src/a.py", python("f"))
    write(tmp_path, "src/b.cjs", "function g() {\n}\n")
    write(tmp_path, "src/c.rb", "")
    write(tmp_path, "src/latin.py", b"x = '\xe4'\n")
    text, what = MISTAKES[mistake]
    path = write(tmp_path, "corpora/mine.toml", text)

    with pytest.raises(CorpusError) as caught:
        load_corpus("mine", tmp_path)
    assert f"corpus 'mine' ({path}): {what.replace('{root}', str(tmp_path))}" == str(caught.value).replace(
        str(tmp_path / "corpora" / ".."), str(tmp_path)
    )


def test_a_knob_out_of_range_is_refused(tmp_path: Path) -> None:
    """A corpus of no functions at all cannot be generated."""
    write(tmp_path, "corpora/mine.toml", GENERATE + "functions = 0\n")

    with pytest.raises(CorpusError, match=r"^random-bodies: functions = 0 is out of range; "):
        load_corpus("mine", tmp_path)


@pytest.mark.parametrize("content", [b"[generate", b"name = '\xff'"])
def test_a_corpus_file_that_is_not_toml_is_named(tmp_path: Path, content: bytes) -> None:
    """A mistake of form, or bytes that are no UTF-8."""
    path = write(tmp_path, "corpora/mine.toml", content)

    with pytest.raises(CorpusError, match=rf"^corpus file {re.escape(str(path))}: "):
        load_corpus("mine", tmp_path)


@pytest.mark.parametrize(
    "table",
    [
        '[files]\ndirectory = "."\nglob = "/absolute/*.py"',
        '[files]\ndirectory = "."\nglob = "."',
        '[generate]\nkind = ["random-bodies"]',
        "generate = 5",
        "module = 5",
        "files = 5",
    ],
)
def test_values_of_the_wrong_kind_are_named(tmp_path: Path, table: str) -> None:
    """What pathlib or Python refuses is one clear error all the same."""
    path = write(tmp_path, "corpora/mine.toml", table)

    with pytest.raises(CorpusError, match=rf"^corpus 'mine' \({re.escape(str(path))}\): "):
        load_corpus("mine", tmp_path)


def test_a_corpus_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    """A folder of that name is none."""
    path = tmp_path / "corpora" / "mine.toml"
    path.mkdir(parents=True)

    with pytest.raises(CorpusError, match=rf"^corpus file {re.escape(str(path))}: .*Is a directory"):
        load_corpus("mine", tmp_path)


def test_a_source_that_cannot_be_opened_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module may say that it has a file which is gone: here it never was."""
    write(tmp_path, "corpora/mine.toml", '[module]\nname = "gone"\n')
    package = write(tmp_path, "library/gone.py", "")
    monkeypatch.syspath_prepend(str(package.parent))
    monkeypatch.setattr(sources, "read_bytes", lambda path, _most: path.with_name("other").open("rb").read())

    with pytest.raises(CorpusError, match=r"mine\.toml\): .*gone\.py: No such file or directory; exclude the file$"):
        load_corpus("mine", tmp_path)


def test_code_that_does_not_parse_is_named_by_its_file(tmp_path: Path) -> None:
    """The line is that of the file, not of the whole text."""
    write(tmp_path, "src/a.py", python("f"))
    write(tmp_path, "src/b.py", "x = 1\ndef (:\n")

    with pytest.raises(CorpusError, match=r"mine\.toml\): b.py, line 2: not Python [\d.]+: "):
        files_corpus(tmp_path)


def test_all_code_that_does_not_parse_is_named_at_once(tmp_path: Path) -> None:
    """Not a file a try; of many the first, and how many more there are. What reads newer code is said."""
    for number in range(10):
        write(tmp_path, f"src/b{number}.py", "def (:\n")

    with pytest.raises(CorpusError) as caught:
        files_corpus(tmp_path)
    message = str(caught.value)
    assert 8 == message.count(": not Python ")
    assert "and 2 more files; exclude these files, or leave such files out with --kv-skip-unparsable; " in message
    assert message.endswith("reads, codeneedle reads when run with that one")


def test_all_files_that_are_no_text_are_named_at_once(tmp_path: Path) -> None:
    """The first with the place, the others by their names."""
    for name in "abc":
        write(tmp_path, f"src/{name}.py", b"x = '\xe4'\n")

    with pytest.raises(CorpusError, match=r"a\.py: not UTF-8 at byte 5; set encoding, .* file; likewise b\.py, c\.py$"):
        files_corpus(tmp_path)


def test_scripts_without_a_suffix_say_what_runs_them(tmp_path: Path) -> None:
    """In their first line."""
    write(tmp_path, "src/tool", "#!/usr/bin/env -S python3.12 -u\n" + python("f"))
    assert ["f"] == [function.name for function in files_corpus(tmp_path, "*").functions]

    write(tmp_path, "src/tool", "#!/bin/sh\n")
    with pytest.raises(CorpusError, match=r"its files are of no language that is read: no suffix \(1\); a corpus"):
        files_corpus(tmp_path, "*")


def test_a_corpus_without_long_enough_functions_says_how_long(tmp_path: Path) -> None:
    """The message has the corpus, the number of lines wanted, and the file to change."""
    write(tmp_path, "src/a.py", python("f", 19))
    reason = (
        f"corpus 'mine' ({tmp_path / 'corpora' / 'mine.toml'}) has no named function with 20 body lines or more; "
        "take in longer code, or ask for fewer lines"
    )

    with pytest.raises(CorpusError, match=rf"^{re.escape(reason)}$"):
        files_corpus(tmp_path, min_lines=20)


def test_looking_for_a_module_changes_nothing(tmp_path: Path) -> None:
    """The source is read; the module is not imported."""
    write(tmp_path, "corpora/mine.toml", '[module]\nname = "antigravity"\n')

    with pytest.raises(CorpusError, match=r"has no named function"):
        load_corpus("mine", tmp_path)
    assert "antigravity" not in sys.modules


def test_only_the_users_own_files_are_private(tmp_path: Path) -> None:
    """Synthetic and published code may be shown."""
    write(tmp_path, "src/a.py", python("f"))
    assert files_corpus(tmp_path).private
    assert not any(load_corpus(name, tmp_path).private for name in ("http_server", "jquery", "random-bodies-mini"))


def test_a_file_of_a_hundred_thousand_lines_and_one_of_a_very_long_line(tmp_path: Path) -> None:
    """Neither is too much, tabs stay tabs, and every body stands where it is said to."""
    long = "x" * 1_000_000
    write(tmp_path, "src/a.py", "".join(python(f"f{number}", 49) for number in range(2_000)))
    write(tmp_path, "src/b.py", f"def tabs():\n\ta = '{long}'\n\tb = 1\n\tc = 2\n")
    corpus = files_corpus(tmp_path)
    rows = corpus.text.split("\n")

    assert (2_001, 100_009) == (len(corpus.functions), corpus.total_lines)
    assert ("tabs", (f"\ta = '{long}'", "\tb = 1", "\tc = 2")) == (corpus.functions[-1].name, corpus.functions[-1].body)
    assert all(tuple(rows[f.start_line - 1 : f.start_line - 1 + len(f.body)]) == f.body for f in corpus.functions)
    assert 16 == len(corpus.sample())
