"""A private-style PHP tree, whole and trimmed: `--corpus proprietary-full` and `--corpus proprietary`."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

import pytest
from php_tree import write_tree

from pytest_codeneedle.core.kv_types import KVPair
from pytest_codeneedle.core.machine import cache_folder
from pytest_codeneedle.corpus.corpus import Corpus, load_corpus, shipped_folder
from pytest_codeneedle.recall.labels import LABELS
from pytest_codeneedle.recall.questions import Task, questions
from pytest_codeneedle.server.control_model.model import Control
from pytest_codeneedle.server.process import launched
from pytest_codeneedle.server.program import ServerArgs, find_program

from .lab import matched

if TYPE_CHECKING:
    from pathlib import Path

    from .lab import Lab

PAIRS = {("bf16", "bf16"), ("q4_0", "q4_0")}
#: What the control model holds: a letter of such code is a token to it, so this is one file.
HELD_TOKENS = 7000


@pytest.fixture
def tree(lab: Lab) -> Path:
    """Over 450 KB of `.php` beside templates, and the two shipped examples as a user copies them."""
    write_tree(lab.path / "src", target_bytes=580_000, seed=7)
    for name in ("proprietary", "proprietary-full"):
        shutil.copy(shipped_folder() / f"{name}.toml.example", lab.path / "corpora" / f"{name}.toml")
    return lab.path


def test_the_whole_tree(tree: Path, lab: Lab) -> None:
    """Extraction, sample, prompts and the token count of a real server's tokenizer."""
    corpus = load_corpus("proprietary-full", tree)
    assert 450_000 < len(corpus.text.encode())
    assert "php" == corpus.language
    sampled = corpus.sample()
    assert 16 == len({function.name for function in sampled})
    rows = corpus.text.split("\n")
    for function in sampled:
        assert function.body == tuple(rows[function.start_line - 1 :][: len(function.body)])
        assert function.name in rows[function.signature_line - 1]
    # The sample reaches from the beginning of the text to its end: one function of every sixteenth.
    assert set(range(16)) == {function.start_line * 16 // corpus.total_lines for function in sampled}

    asked = questions(corpus.text, sampled, Task(20)).asked
    assert all(question.message.startswith(corpus.text) for question in asked)
    args = ServerArgs(find_program("embedded"), Control().cached(cache_folder()), KVPair("f16", "f16"), 512, threads=1)
    with launched(args, lab.path / "tokenize.log") as server:
        tokens = server.client.count_tokens(corpus.text)
        whole, part = trimmed(tree, server.client.count_tokens)
    assert len(corpus.text) // 3 < tokens <= len(corpus.text.encode())
    assert whole.text == corpus.text
    assert corpus.text.startswith(part.text)
    assert whole.files == part.files + part.dropped


def trimmed(root: Path, count: object) -> tuple[Corpus, Corpus]:
    """The corpus `proprietary` before and after, with a limit that a part of the tree fits."""
    path = root / "corpora" / "proprietary.toml"
    text = path.read_text(encoding="utf-8")
    assert "max_tokens = 64000" in text
    path.write_text(text.replace("max_tokens = 64000", f"max_tokens = {HELD_TOKENS}"), encoding="utf-8")
    whole = load_corpus("proprietary", root)
    return whole, whole.trimmed(count)  # type: ignore[arg-type]  # the client's method


@pytest.mark.slow
def test_the_trimmed_tree_through_a_grid(tree: Path, lab: Lab) -> None:
    """On two pairs of a real server: every line is recalled, or the miss has its label."""
    path = tree / "corpora" / "proprietary.toml"
    path.write_text(path.read_text(encoding="utf-8").replace("64000", str(HELD_TOKENS)), encoding="utf-8")
    result = lab.grid(
        *("--kv-model", "control:robust", "--kv-pairs", ",".join("/".join(pair) for pair in sorted(PAIRS))),
        *("--kv-functions", "1", "-n", "2"),
        corpus="proprietary",
    )
    assert PAIRS == set(matched(result)) & PAIRS
    rows, about = lab.rows(), lab.about()
    assert {(*pair, function["name"]) for pair in PAIRS for function in about["functions"]} == {
        (row["ctk"], row["ctv"], row["function"]) for row in rows
    }
    assert {"passed", "failed"} >= {row["outcome"] for row in rows}
    assert all(row["label"] in LABELS or (row["label"] is None and row["strict_matched"] == 20) for row in rows)
    assert about["trim"]["max_tokens"] == HELD_TOKENS >= about["tokens"]["file"]
    assert about["corpus_files"]
    assert about["trim"]["dropped"]
    assert f"kv-grid: proprietary: [trim] to {HELD_TOKENS} tokens keeps 1 of " in result.stdout.str()


@pytest.mark.slow
def test_the_trimmed_sample_can_be_listed(tree: Path, lab: Lab) -> None:
    """`--collect-only` and `codeneedle functions --model` count with the model's tokenizer too, and agree."""
    path = tree / "corpora" / "proprietary.toml"
    path.write_text(path.read_text(encoding="utf-8").replace("64000", str(HELD_TOKENS)), encoding="utf-8")
    # In a process of its own: pytester forgets modules that a run in this one loads, and httpx is used again below.
    collected = lab.grid(
        "--collect-only", "--kv-model", "control:robust", "--kv-pairs", "q8_0/q8_0", corpus="proprietary"
    )
    ids = [line.rpartition("::")[2] for line in collected.outlines if "::" in line]
    listed = lab.pytester.run(
        sys.executable, "-m", "pytest_codeneedle.cli", "functions", "proprietary", "--model", "control:robust"
    )
    names = [line.split()[0] for line in listed.outlines if "  line " in line]
    assert [f"test_recall[q8_0/q8_0-{name}]" for name in names] == ids
    assert [] == lab.folders()
