"""--corpus NAME, repeatable."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_codeneedle.corpus.corpus import shipped_folder
from pytest_codeneedle.server.control_model.model import Control

from .lab import RUNS, matched, read_about, read_rows, table

if TYPE_CHECKING:
    from .lab import Lab

PAIR = ("--kv-pairs", "q8_0/q4_0")


def test_unknown(lab: Lab) -> None:
    """An unknown corpus is a usage error that lists those there are, shipped and own."""
    message = lab.refused("--corpus", "nowhere")
    assert "unknown corpus 'nowhere'" in message
    there = {path.stem for path in shipped_folder().glob("*.toml")} | {"tiny"}
    assert {"http_server", "random-bodies", "random-bodies-mini"} <= there
    assert [] == [name for name in there if name not in message]
    assert [] == lab.folders()


def test_own_wins(lab: Lab) -> None:
    """A corpora/NAME.toml of the user's wins over the shipped one of that name."""
    lab.corpus("random-bodies-mini", functions=1)
    result = lab.grid(*PAIR, corpus=None)
    assert {"passed": 1} == result.parseoutcomes()
    assert 1 == len(lab.about()["functions"])


def test_two(lab: Lab) -> None:
    """With two corpora each has a run folder and a section of its own, and ids carry the corpus."""
    lab.corpus("other", functions=1)
    result = lab.grid(*PAIR, "--corpus", "other", "-v", "-v")
    assert {"passed": 3} == result.parseoutcomes()
    folders = lab.folders()
    assert ["other", "tiny"] == [read_about(folder)["corpus"] for folder in folders]
    assert [{"other"}, {"tiny"}] == [{row["corpus"] for row in read_rows(folder)} for folder in folders]
    assert [1, 2] == [len(read_rows(folder)) for folder in folders]
    titles = [at for at, line in enumerate(result.outlines) if "KV-cache recall: " in line]
    assert 2 == len(titles)
    for at, (name, functions) in zip(titles, (("tiny", "2"), ("other", "1")), strict=True):
        section = result.outlines[at:]
        assert f" {name}, " in section[0]
        assert {("q8_0", "q4_0"): "20.00"} == table(section, "mean primary_matched /20")
        assert {("q8_0", "q4_0"): functions} == table(section, f"functions passed /{functions}")
    assert any("test_recall[other:q8_0/q4_0-" in line for line in result.outlines)
    assert any("test_recall[tiny:q8_0/q4_0-" in line for line in result.outlines)


def test_named_twice(lab: Lab) -> None:
    """A corpus that is named twice is asked once."""
    assert {"passed": 2} == lab.grid(*PAIR, "--corpus", "tiny").parseoutcomes()
    assert 1 == len(lab.folders())


def test_no_long_enough_function(lab: Lab) -> None:
    """A corpus whose functions are all too short is a usage error with the number of lines that was wanted."""
    lab.corpus("short", functions=3, body_lines=19)
    message = lab.refused("--corpus", "short")
    assert "has no named function with 20 body lines or more" in message


def test_real_code_wants_a_model(lab: Lab) -> None:
    """Real code with the control model is a usage error that says the three ways to name a model."""
    message = lab.refused("--corpus", "http_server")
    assert "'http_server'" in message
    assert [] == [way for way in ("--kv-model", "kv_model", "CODENEEDLE_MODEL") if way not in message]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("[generate\n", "corpora", id="not TOML"),
        pytest.param("", "exactly one of", id="no source"),
        pytest.param('[generate]\nkind = "poems"\n', "kind = 'poems' is unknown", id="unknown kind"),
        pytest.param('[generate]\nkind = "random-bodies"\nlength = 3\n', "unknown key 'length'", id="unknown knob"),
        pytest.param('[module]\nname = "not.there"\n', "'not.there' is not a Python module", id="no such module"),
        pytest.param('[files]\nglob = "*.py"\ndirectory = "gone"\n', "is not there", id="no such folder"),
        pytest.param('[files]\nglob = "*.nothing"\n', "matches no file", id="no such file"),
        pytest.param('[module]\nname = "http.server"\n[sample]\nk = 0\n', "[sample] k = 0", id="empty sample"),
    ],
)
def test_mistake_in_the_file(lab: Lab, text: str, said: str) -> None:
    """A mistake in a corpus file is a usage error that names the corpus and the mistake."""
    lab.write("corpora/wrong.toml", text)
    message = lab.refused("--corpus", "wrong")
    assert "wrong" in message
    assert said in message


def test_file_that_does_not_parse(lab: Lab) -> None:
    """Code that does not parse is a usage error that names the file."""
    lab.write("src/broken.py", "def f(:\n")
    lab.write("corpora/mine.toml", '[files]\ndirectory = "src"\nglob = "*.py"\n')
    assert "broken.py" in lab.refused("--corpus", "mine")


def test_is_read_from_the_root(lab: Lab) -> None:
    """`corpora/` is looked for in the rootdir, also when the command is given below it."""
    lab.pytester.makeini("[pytest]\n")
    below = lab.pytester.mkdir("below")
    lab.pytester.makepyfile(
        **{"below/test_corpus_of_root": "def test_it(kv_corpus):\n    assert 'tiny' == kv_corpus.name\n"}
    )
    result = lab.grid(*PAIR, str(below))
    assert {"passed": 1} == result.parseoutcomes()
    assert (lab.path / RUNS).is_dir()
    assert {("q8_0", "q4_0"): "err"} == matched(result)


@pytest.mark.slow
def test_a_path_as_an_options_value_does_not_hide_the_corpora(lab: Lab) -> None:
    """Pytest takes the model's folder for its rootdir then; the corpora are those of this project all the same."""
    elsewhere = lab.path.parent / f"{lab.path.name}-models"
    elsewhere.mkdir()
    Control().write(elsewhere / "model.gguf")
    result = lab.grid("--kv-model", str(elsewhere / "model.gguf"), "--kv-pairs", "q8_0/q8_0")
    assert {"passed": 2} == result.parseoutcomes()
