"""`codeneedle functions`, `score` and `import` on all kinds of corpora, run as a person runs them."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_codeneedle.corpus.corpus import load_corpus

from .lab import matched
from .test_cli import Captured, done, refused

if TYPE_CHECKING:
    from pytest_codeneedle.corpus.functions.function import Function

#: The sample that the public harness takes of this file (k = 16, seed = 42), made with it.
HARNESS_SAMPLE = {
    "DOMEval": 105,
    "find": 806,
    "PSEUDO": 1604,
    "matcherFromGroupMatchers": 2443,
    "init": 2861,
    "then": 3474,
    "dataAttr": 4165,
    "buildFragment": 4741,
    "domManip": 5865,
    "boxModelAdjustment": 6580,
    "defaultPrefilter": 7214,
    "propFilter": 7386,
    "val": 8321,
    "ajaxConvert": 9020,
    "done": 9536,
    "parseHTML": 10142,
}


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty project, with folders for corpora and code."""
    (tmp_path / "corpora").mkdir()
    (tmp_path / "src").mkdir()
    monkeypatch.chdir(tmp_path)


def mine(**files: str) -> None:
    """The corpus `mine` of these files."""
    for name, text in files.items():
        Path("src", name.replace("__", ".")).write_text(text, encoding="utf-8", newline="")
    Path("corpora/mine.toml").write_text('[files]\ndirectory = "src"\nglob = ["*.php", "*.js"]\n', encoding="utf-8")


def php(name: str, *, end: str = "\n") -> str:
    """A file with one function of 20 lines."""
    body = end.join(f"    ${name}{number} = {number};" for number in range(20))
    return f"<?php{end}function {name}(){end}{{{end}{body}{end}}}{end}"


@pytest.fixture
def dom_eval() -> Function:
    """A function of jQuery."""
    return next(one for one in load_corpus("jquery", Path()).functions if one.name == "DOMEval")


class TestFunctions:
    """codeneedle functions CORPUS."""

    def test_jquery_is_the_public_harnesss_sample(self, capsys: Captured) -> None:
        """The same 16 functions at the same lines, in the same order."""
        listed = json.loads("\n".join(done(capsys, "functions", "jquery", "--json")))
        assert list(HARNESS_SAMPLE.items()) == [(one["name"], one["start_line"]) for one in listed]
        assert {("javascript", "data/jquery.js")} == {(one["language"], one["source"]) for one in listed}

    def test_php(self, capsys: Captured) -> None:
        """With Windows line ends, a byte-order mark and a name twice."""
        mine(a__php="\ufeff" + php("first", end="\r\n"), b__php=php("second"), c__php=php("first"))
        lines = done(capsys, "functions", "mine")
        assert ["first", "line", "5", "20", "lines", "a.php"] == lines[0].split()
        assert ["second", "line", "31", "20", "lines", "b.php"] == lines[1].split()
        assert "not asked for, having the name of an earlier one: 1" == lines[-1]
        assert [f"    $first{number} = {number};" for number in range(20)] == done(
            capsys, "functions", "mine", "--show", "first"
        )

    def test_a_file_that_does_not_parse(self, capsys: Captured) -> None:
        """File, line, what the parser says and the ways out; or it is left out and named."""
        mine(a__php=php("first"), b__php="<?php\nfunction broken( {\n")
        message = refused(capsys, "functions", "mine")
        assert "b.php, line 2: not PHP: " in message
        assert "--kv-skip-unparsable" in message
        assert done(capsys, "functions", "mine", "--skip-unparsable")[-1].startswith(
            "left out: b.php, line 2: not PHP: "
        )

    def test_what_only_one_wording_asks_for(self, capsys: Captured) -> None:
        """Twins whose signatures no quotation tells apart are named: the grid would leave them out."""
        twin = php("twin").removeprefix("<?php\n")
        blank = "\n" * 6
        mine(a__php=f"<?php\n{blank}{twin}{blank}function other() {{\n{blank}{twin}}}\n")
        said = "no quotation tells these apart, only --kv-prompt codeneedle asks for them: twin"
        assert said in done(capsys, "functions", "mine")

    def test_mixed_languages(self, capsys: Captured) -> None:
        """One language a corpus; the message shows a file of each."""
        mine(a__php=php("first"), b__js="function f() {\n}\n")
        assert "mixes languages: javascript (b.js), php (a.php); exclude all but one" in refused(
            capsys, "functions", "mine"
        )

    def test_an_untrimmed_listing_says_so(self, capsys: Captured) -> None:
        """Only a tokenizer can trim."""
        mine(a__php=php("first"))
        path = Path("corpora/mine.toml")
        path.write_text(path.read_text(encoding="utf-8") + "[trim]\nmax_tokens = 5\n", encoding="utf-8")
        said = "not trimmed to its 5 tokens: --model FILE counts with that model's tokenizer"
        assert said == done(capsys, "functions", "mine")[-1]
        assert "its first file, a.php, has " in refused(capsys, "functions", "mine", "--model", "control:robust")


class TestScore:
    """codeneedle score CORPUS FUNCTION [FILE]."""

    def test_standard_input(self, capsys: Captured, monkeypatch: pytest.MonkeyPatch, dom_eval: Function) -> None:
        """An answer cut short, for people: the figures, the label, the diff."""
        monkeypatch.setattr(sys, "stdin", io.StringIO("\n".join(dom_eval.primary(18))))
        lines = done(capsys, "score", "jquery", "DOMEval", "--strict-indent", "-")
        assert "DOMEval: 18 of 20 lines matched; passes" == lines[0]
        assert "hallucinated 0, bonus 0, label truncated" == lines[2]
        assert "  ... 18 lines matched" in lines

    def test_json(self, capsys: Captured, dom_eval: Function) -> None:
        """All figures under their names."""
        Path("answer.txt").write_text("\n".join(line.strip() for line in dom_eval.primary(20)), encoding="utf-8")
        facts = json.loads("\n".join(done(capsys, "score", "jquery", "DOMEval", "answer.txt", "--json")))
        assert (20, 3, "passed", "re-indented") == tuple(
            facts[key] for key in ("primary_matched", "strict_matched", "outcome", "label")
        )
        strict = done(capsys, "score", "jquery", "DOMEval", "answer.txt", "--json", "--strict-indent", "--pass", "4")
        facts = json.loads("\n".join(strict))
        assert (3, "failed") == (facts["primary_matched"], facts["outcome"])

    def test_nothing_to_score(self, capsys: Captured) -> None:
        """It is an ERROR, and said to be none of the misses."""
        Path("answer.txt").write_text("I'm sorry, but I can't see that function.\n", encoding="utf-8")
        (line,) = done(capsys, "score", "jquery", "DOMEval", "answer.txt")
        assert line.endswith("would not or could not answer: an ERROR, not a miss (label refused)")
        facts = json.loads("\n".join(done(capsys, "score", "jquery", "DOMEval", "answer.txt", "--json")))
        assert ("error", "refused") == (facts["outcome"], facts["label"])

    def test_another_functions_body(self, capsys: Captured) -> None:
        """It is named."""
        other = next(one for one in load_corpus("jquery", Path()).functions if one.name == "domManip")
        Path("answer.txt").write_text("\n".join(other.primary(20)), encoding="utf-8")
        lines = done(capsys, "score", "jquery", "DOMEval", "answer.txt")
        assert "reads like domManip" in lines
        assert any(line.endswith("label confused") for line in lines)

    def test_errors(self, capsys: Captured) -> None:
        """A function, a file or a corpus that is not there, or more lines than there are."""
        assert "--pass 21 is out of range; give 1 to 20" in refused(
            capsys, "score", "jquery", "DOMEval", "--pass", "21", "x"
        )
        assert "has no function 'gone' of 20 lines" in refused(capsys, "score", "jquery", "gone", "x")
        assert "x cannot be read: No such file" in refused(capsys, "score", "jquery", "DOMEval", "x")
        assert "unknown corpus 'gone'" in refused(capsys, "score", "gone", "DOMEval", "x")


def sample(k: int) -> list[Function]:
    """Functions of jQuery whose 1st, 15th and 20th line hold text: no rule takes a blank end for a match."""
    every = load_corpus("jquery", Path()).functions
    return [one for one in every if all(one.body[at].strip() for at in (0, 14, 19))][:k]


def dump(name: str, functions: list[Function], *, lines: int = 20) -> Path:
    """A results file of the public harness, whose answers have so many lines."""
    results = [
        {"function": one.name, "response": "\n".join(one.primary(lines)), "error": None, "primary_matched": lines}
        for one in functions
    ]
    path = Path(name)
    path.write_text(json.dumps({"model": "qwen", "relax_indent": False, "results": results}), encoding="utf-8")
    return path


class TestImport:
    """codeneedle import FILE ..."""

    def test_a_sweep(self, capsys: Captured) -> None:
        """Each file is the cell in its name, the corpus stands before `__`; grid and rescore work on the run."""
        functions = sample(16)
        high = dump("jquery__qwen__bf16-bf16.json", functions)
        low = dump("jquery__qwen__q4_0-q4_0.json", functions, lines=15)
        lines = done(capsys, "import", high, low, "-o", "run")
        assert "all 32 answers are scored as in the files" in lines
        assert "run: run" == lines[-1]
        assert "q4_0/q4_0    16 truncated" in lines
        stored = done(capsys, "grid", "run")
        result = pytest.RunResult(0, stored, [], 0.0)
        assert {("bf16", "bf16"): "20.00", ("q4_0", "q4_0"): "15.00"} == {
            cell: figure for cell, figure in matched(result).items() if figure != "-"
        }
        assert stored == done(capsys, "rescore", "run")[: len(stored)]
        assert "jquery, qwen, " in stored[0]

    def test_one_file_as_served(self, capsys: Captured) -> None:
        """Without types in its name; --pair tells them."""
        path = dump("results.json", sample(4))
        assert any("served" in line for line in done(capsys, "import", path, "--corpus", "jquery", "-o", "one"))
        lines = done(capsys, "import", path, "--corpus", "jquery", "--pair", "q8_0/q4_0", "-o", "two")
        assert ["q8_0", "20.00"] in [line.split() for line in lines]

    def test_answers_about_nothing_in_the_corpus(self, capsys: Captured) -> None:
        """Files of another corpus are no run of this one."""
        path = dump("http_server__a.json", sample(2))
        assert "no answer in these files is about a function of 'http_server'" in refused(capsys, "import", path)

    def test_text_that_cannot_be_encoded(self, capsys: Captured) -> None:
        """Half a character in an answer is replaced; a file that is nested too deeply is refused."""
        path = dump("jquery__a.json", sample(1))
        path.write_text(
            path.read_text(encoding="utf-8").replace('"response": "', '"response": "\\ud800'), encoding="utf-8"
        )
        done(capsys, "import", path, "-o", "run")
        assert '"response": "?' in Path("run/results.jsonl").read_text(encoding="utf-8")
        path.write_text("[" * 100_000, encoding="utf-8")
        assert "jquery__a.json cannot be read: " in refused(capsys, "import", path)

    def test_the_default_folder(self, capsys: Captured) -> None:
        """Below codeneedle-runs, called by corpus, model and time."""
        dump("jquery__qwen.json", sample(1))
        lines = done(capsys, "import", "jquery__qwen.json")
        (folder,) = Path("codeneedle-runs").glob("*__*")
        assert f"run: {folder}" == lines[-1]
        assert folder.name.startswith("jquery__qwen__")
        done(capsys, "import", "jquery__qwen.json")  # within a second: a folder of its own all the same
        assert 2 == len(list(Path("codeneedle-runs").glob("*__*")))

    def test_errors(self, capsys: Captured) -> None:
        """An existing run, files of two corpora, a pair for two files, no file of the harness."""
        functions = sample(1)
        one, two = dump("jquery__a.json", functions), dump("http_server__a.json", functions)
        done(capsys, "import", one, "-o", "run")
        assert "run already holds a run" in refused(capsys, "import", one, "-o", "run")
        assert "named after several corpora (http_server, jquery)" in refused(capsys, "import", one, two)
        assert "--pair names the cell of one file, and 2 are given" in refused(
            capsys, "import", one, two, "--corpus", "jquery", "--pair", "q8_0/q8_0"
        )
        Path("other.json").write_text("{}", encoding="utf-8")
        assert "is not a file of the codeneedle harness" in refused(capsys, "import", "other.json")
