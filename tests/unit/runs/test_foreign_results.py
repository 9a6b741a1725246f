"""Results of the public harness become a run: which cell, which score, what differs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_codeneedle.core.errors import RunFolderError
from pytest_codeneedle.core.kv_types import AS_SERVED, BITS, KVPair
from pytest_codeneedle.corpus.corpus import Corpus, load_corpus
from pytest_codeneedle.runs.foreign_results import as_run, pair_in, read_dump

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_codeneedle.corpus.functions.function import Function


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """Ten functions of 20 lines."""
    return load_corpus("random-bodies-mini", tmp_path_factory.mktemp("root"))


def result(function: Function, response: str | None = None, **more: Any) -> dict[str, Any]:
    """One entry of `results`, as the harness writes it; the right answer where none is given."""
    answer = "\n".join(function.body) if response is None else response
    return {
        "function": function.name,
        "source_file": None,
        "passed": True,
        "error": None,
        "primary_matched": 20,
        "primary_total": 20,
        "hallucinated": 0,
        "bonus_matched": 0,
        "latency_s": 1.5,
        "prompt_chars": 10,
        "response": answer,
        **more,
    }


def write(folder: Path, name: str, *results: dict[str, Any], **more: Any) -> Path:
    """A results file."""
    path = folder / name
    whole = {"files": ["a.py"], "model": "qwen", "base_url": "http://localhost:4000", "relax_indent": False, **more}
    path.write_text(json.dumps({**whole, "results": list(results)}), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "pair"),
    [
        ("jquery__qwen__q8_0-q4_0", "q8_0/q4_0"),
        ("jquery__qwen__q8_0_q4_0", "q8_0/q4_0"),
        ("random-bodies__ctk-q5_1_ctv-bf16", "q5_1/bf16"),
        ("k=f16,v=q4_1", "f16/q4_1"),
        ("qwen-q8_0__BF16-BF16", "bf16/bf16"),
        ("qwen-f16-q8_0-q4_0", "q8_0/q4_0"),
        ("q8_0.q5_0.run2", "q8_0/q5_0"),
        ("jquery__qwen36-27b", None),
        ("jquery__gemma-bf16", None),
        ("q8_0-of-q4_0", None),
        ("xq8_0-q4_0", None),
        ("q8_0-q4_01", None),
        ("", None),
    ],
)
def test_the_cell_in_a_files_name(name: str, pair: str | None) -> None:
    """The last two cache types that stand side by side, K first."""
    found = pair_in(name)
    assert pair == (None if found is None else str(found))


@given(st.sampled_from(list(BITS)), st.sampled_from(list(BITS)), st.sampled_from(["-", "_", "__", "_ctv-", ".", " v="]))
def test_every_pair_is_found_in_a_name(ctk: str, ctv: str, between: str) -> None:
    """Whatever parts the two."""
    assert KVPair(ctk, ctv) == pair_in(f"jquery__some-model__{ctk}{between}{ctv}")


def test_a_sweep_becomes_a_run(tmp_path: Path, corpus: Corpus) -> None:
    """A row for every answer, scored here, with what the harness said kept beside it."""
    first, second = corpus.functions[:2]
    half = "\n".join(first.body[:10])
    high = write(tmp_path, "mini__qwen__bf16-bf16.json", result(first), result(second))
    low = write(tmp_path, "mini__qwen__q4_0-q4_0.json", result(first, half, primary_matched=10), result(second))
    run = as_run([read_dump(high), read_dump(low)], corpus)

    assert ["bf16/bf16", "q4_0/q4_0"] == run.about["pairs"]
    assert ("bf16/bf16", False, "qwen") == (run.about["reference"], run.about["relax_indent"], run.about["model"])
    assert [first.name, second.name] == [one["name"] for one in run.about["functions"]]
    assert [20, 20, 10, 20] == [row["primary_matched"] for row in run.rows]
    assert [None, None, "truncated", None] == [row["label"] for row in run.rows]
    assert ["passed"] * 4 == [row["outcome"] for row in run.rows]
    assert (first.start_line, 1.5) == (run.rows[0]["start_line"], run.rows[0]["harness"]["latency_s"])
    assert ((), ()) == (run.differing, run.unknown)


def test_what_cannot_be_scored_is_an_error_and_kept(tmp_path: Path, corpus: Corpus) -> None:
    """A fault that the harness met, an empty answer, and a function that the corpus does not hold."""
    first, second, third = corpus.functions[:3]
    path = write(
        tmp_path,
        "mini.json",
        result(first, "half an answer", error="HTTP 500: gone"),
        result(second, ""),
        {**result(third, "text"), "function": "elsewhere"},
        result(third, None, error=None),
    )
    run = as_run([read_dump(path)], corpus)

    assert ["error", "error", "error", "passed"] == [row["outcome"] for row in run.rows]
    assert "HTTP 500: gone" == run.rows[0]["error"]
    assert "empty" == run.rows[1]["label"]
    assert "no such function" in run.rows[2]["error"]
    assert ["half an answer", "", "text"] == [row["response"] for row in run.rows[:3]]
    assert ("elsewhere",) == run.unknown
    assert {("served", "served")} == {(row["ctk"], row["ctv"]) for row in run.rows}
    assert ["as-served"] == run.about["pairs"]


def test_whatever_an_error_says_can_be_written(tmp_path: Path, corpus: Corpus) -> None:
    """Half a character in the harness's own words, too."""
    run = as_run([read_dump(write(tmp_path, "mini.json", result(corpus.functions[0], error="\ud800")))], corpus)
    assert ("?", "?") == (run.rows[0]["error"], run.rows[0]["harness"]["error"])


def test_other_figures_than_the_files_are_named(tmp_path: Path, corpus: Corpus) -> None:
    """As far as both scored alike: with another indentation rule they may differ."""
    first = corpus.functions[0]
    dump = read_dump(write(tmp_path, "mini.json", result(first, primary_matched=19)))

    assert (first.name,) == as_run([dump], corpus).differing
    assert () == as_run([dump], corpus, relax_indent=True).differing


def test_the_indentation_rule_is_the_files_own(tmp_path: Path, corpus: Corpus) -> None:
    """Or the one that is said; files of both kinds need one."""
    flat = "\n".join(line.strip() for line in corpus.functions[0].body)
    strict = read_dump(write(tmp_path, "a.json", result(corpus.functions[0], flat)))
    relaxed = read_dump(write(tmp_path, "b.json", result(corpus.functions[0], flat), relax_indent=True))

    assert [0, 20] == [as_run([dump], corpus).rows[0]["primary_matched"] for dump in (strict, relaxed)]
    assert 20 == as_run([strict], corpus, relax_indent=True).rows[0]["primary_matched"]
    with pytest.raises(RunFolderError, match="say --relax-indent or not"):
        as_run([strict, relaxed], corpus)
    assert {0} == {row["primary_matched"] for row in as_run([strict, relaxed], corpus, relax_indent=False).rows}


def test_files_of_one_cell_are_its_replicates(tmp_path: Path, corpus: Corpus) -> None:
    """In the order given; the grid is their mean."""
    paths = [write(tmp_path, f"q8_0-q8_0.{number}.json", result(corpus.functions[0])) for number in range(3)]
    run = as_run([read_dump(path) for path in paths], corpus)

    assert [0, 1, 2] == [row["replicate"] for row in run.rows]
    assert ["q8_0/q8_0"] == run.about["pairs"]
    assert (3, ["q8_0/q8_0", "q8_0/q8_0#2", "q8_0/q8_0#3"]) == (run.about["repeat"], run.about["cells"])


def test_confusion_is_seen_among_all_functions(tmp_path: Path, corpus: Corpus) -> None:
    """Also with one that was not asked for."""
    first, second = corpus.functions[:2]
    run = as_run([read_dump(write(tmp_path, "mini.json", result(first, "\n".join(second.body))))], corpus)
    assert ("confused", second.name) == (run.rows[0]["label"], run.rows[0]["confused_with"])


def test_the_pair_can_be_told_and_a_password_is_not_kept(tmp_path: Path, corpus: Corpus) -> None:
    """What is told goes before the name."""
    path = write(tmp_path, "q8_0-q8_0.json", result(corpus.functions[0]), base_url="http://me:secret@host/v1")
    dump = read_dump(path, KVPair("f16", "q4_0"))

    assert (KVPair("f16", "q4_0"), "http://host/v1") == (dump.pair, dump.base_url)
    assert AS_SERVED == read_dump(write(tmp_path, "mini.json")).pair


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"results": 3}', '{"results": [3]}', '{"results": [{}]}', "\xff"])
def test_other_files_are_refused(tmp_path: Path, content: str) -> None:
    """By name."""
    path = tmp_path / "other.json"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(RunFolderError, match=r"other\.json"):
        read_dump(path)
    with pytest.raises(RunFolderError, match=r"gone\.json cannot be read: No such file"):
        read_dump(tmp_path / "gone.json")
