"""What an archive keeps of a run: figures, and no path, no host; code and answers of public corpora alone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stored_runs import about, row

from pytest_codeneedle.runs.anonymised import ANSWERS_KEPT, GPUS, keeps_answers, kept

SECRETS = ("/home/jane", "jane doe", "gpu-box", "node7", "10.1.2.3", "deep")
ABOUT = about(
    model="/home/jane doe/models/tiny.gguf",
    model_file="/home/jane doe/models/tiny.gguf",
    server="endpoint http://me:pw@gpu-box.lan:8080/v1",
    server_argv=["/home/jane doe/bin/llama-server", "-m", "/home/jane doe/models/tiny.gguf", "--rpc", "10.1.2.3:50052"],
    hosts=[{"name": "local"}, {"name": "node7.lan", "hostname": "node7", "model": "/home/jane doe/x.gguf", "cores": 4}],
    merged=[{"run": "/home/jane doe/runs/a", "shard": "1/2"}],
    devices=["RPC0[10.1.2.3:50052]"],
    problem="no server came up on node7.lan\nload_model: /home/jane doe/models/tiny.gguf",
    chat_template="{{ '/no_think' }}",
    corpus_files=["deep/code.py"],
    skipped_files={"deep/bad.py": "line 3: def secret("},
    functions=[{"name": "f0", "source": "deep/code.py", "primary": ["secret line"], "bonus": ["another line"]}],
    earlier=[
        {"key": "k", "functions": [{"name": "f1", "source": "deep/b.py", "primary": ["secret line"], "bonus": []}]}
    ],
    private=True,
)
ERROR = (
    "node7.lan: HTTP 500 from http://gpu-box.lan:8080/v1. The last lines of its log:\n"
    "opening '/home/jane doe/models/tiny.gguf' [/home/jane/x/y.log] `/home/jane/z/w` at 10.1.2.3:50052\nsecret line"
)
ROWS = [
    row("bf16/bf16", "f0", 20, response="secret line", after="secret line", host="node7.lan", key="k"),
    row("bf16/bf16", "f0", None, response="secret line", error=ERROR, host=None),
]


def texts(*values: Any) -> str:
    """All of it as a file holds it."""
    return json.dumps(values, ensure_ascii=False)


@pytest.mark.parametrize("answers", [True, False])
def test_neither_paths_nor_hosts_are_kept(answers: bool) -> None:
    """Wherever they stand: in facts, in a server's last words, in rows; names stay."""
    told, rows = kept(ABOUT, ROWS, ("NVIDIA L4",), answers=answers)
    all_of_it = texts(told, rows)

    assert [] == [secret for secret in SECRETS if secret in all_of_it]
    assert ("tiny.gguf", "endpoint URL", 1) == (told["model"], told["server"], told["corpus_files"])
    assert ["llama-server", "-m", "tiny.gguf", "--rpc", "1 host"] == told["server_argv"]
    assert [{"name": "local"}, {"name": "host 1", "model": "x.gguf", "cores": 4}] == told["hosts"]
    assert [{"run": "a", "shard": "1/2"}] == told["merged"]
    assert ["host 1", None] == [one["host"] for one in rows]
    assert "host 1: HTTP 500 from URL" == rows[1]["error"]
    assert "{{ '/no_think' }}" == told["chat_template"]
    assert ["NVIDIA L4"] == told[GPUS]


def test_without_answers_no_line_of_code_is_kept() -> None:
    """No expected line, no answer, no word of a server behind the first; of earlier states of the run neither."""
    told, rows = kept(ABOUT, ROWS, answers=False)

    assert [] == [line for line in ("secret", "another line") if line in texts(told, rows)]
    assert {"name": "f0"} == told["functions"][0]
    assert {"name": "f1"} == told["earlier"][0]["functions"][0]
    assert told[ANSWERS_KEPT] is False
    assert [20, None] == [one["primary_matched"] for one in rows]


@pytest.mark.parametrize("answers", [True, False])
def test_of_private_code_neither_files_nor_requests_are_named(answers: bool) -> None:
    """How many files there are is kept, and what a request sets; not to which value."""
    request = {"system": "you know secret_project", "n": 1}
    facts = {
        **ABOUT,
        "request": request,
        "identity": {"request": request, "lines": 20},
        "trim": {"max_tokens": 9, "dropped": ["deep/gone.py"]},
    }
    rows = [row("bf16/bf16", "f0", 20, harness={"passed": True, "source_file": "deep/code.py"})]
    told, results = kept({**facts, "earlier": [facts]}, rows, answers=answers)

    assert [] == [name for name in ("code.py", "bad.py", "gone.py", "secret_project") if name in texts(told, results)]
    assert (1, 1, 1) == (told["corpus_files"], told["skipped_files"], told["trim"]["dropped"])
    assert {"system": "not kept", "n": "not kept"} == told["request"] == told["identity"]["request"]
    assert (told, results) == kept(told, results, answers=answers)
    public, _ = kept({**facts, "private": False}, rows, answers=answers)
    assert (["deep/code.py"], request) == (public["corpus_files"], public["request"])


def test_what_a_server_was_started_with_has_no_paths() -> None:
    """Its command, arguments and request; nor who works there, where a path ends at a home folder."""
    facts = about(
        server_command="wrap /home/alice --chdir=/home/alice/ ~alice",
        server_args=["--slot-save-path", "/home/alice", "--log-file", "/Users/alice/log.txt"],
        request={"grammar": "/home/alice/x.gbnf", "user": "C:\\Users\\alice"},
        problem="cannot open /home/alice (/home/alice): no such folder",
    )
    told, _ = kept(facts, [row("bf16/bf16", "f0", None, error="see /home/alice")], answers=True)

    assert "alice" not in texts(told, _)
    assert "wrap ~ --chdir=~ ~" == told["server_command"]
    assert ["--slot-save-path", "~", "--log-file", "log.txt"] == told["server_args"]
    assert {"grammar": "x.gbnf", "user": "~"} == told["request"]
    assert "cannot open ~ (~): no such folder" == told["problem"]


def test_with_answers_they_are_as_they_were() -> None:
    """To the letter, though they may look like paths."""
    code = ["open('/etc/passwd')"]
    function = {"name": "f0", "source": "a/b.py", "primary": code, "bonus": code}
    said = row("bf16/bf16", "f0", 20, response=code[0], after=code[0])
    told, rows = kept(about(functions=[function], private=False), [said], answers=True)

    assert [function] == told["functions"]
    assert [said] == rows


def test_of_public_code_all_that_a_server_said_is_kept() -> None:
    """But for its paths and hosts."""
    _, rows = kept({**ABOUT, "private": False}, ROWS, answers=True)

    assert "opening 'tiny.gguf' [y.log] `w` at HOST:50052" == rows[1]["error"].split("\n")[1]


@pytest.mark.parametrize(
    ("facts", "asked", "expected"),
    [
        pytest.param({}, False, True, id="public"),
        pytest.param({"private": True}, False, False, id="private"),
        pytest.param({"redact": True}, False, False, id="redacted"),
        pytest.param({"private": True}, True, True, id="private, asked for"),
        pytest.param({ANSWERS_KEPT: False}, True, False, id="left out before"),
    ],
)
def test_whose_answers_are_kept(facts: dict[str, Any], asked: bool, expected: bool) -> None:
    """Those that anybody may read, and those that somebody asks for; what is gone is gone."""
    assert expected == keeps_answers(facts, with_answers=asked)


WORDS = st.text(st.sampled_from("/\\~.:=,'\"()[]-@ ab01\n"), max_size=24)
VALUES = st.recursive(
    WORDS | st.integers(), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3)
)


@given(st.dictionaries(st.sampled_from(["model", "server", "x", "error", "problem"]), VALUES), WORDS, st.booleans())
def test_what_is_kept_is_kept_as_it_is(facts: dict[str, Any], error: str, private: bool) -> None:
    """A law: kept once more, nothing changes, so that a run out of one archive has its name in another."""
    once = kept({**about(private=private), **facts}, [row("bf16/bf16", "f0", None, error=error)], answers=False)

    assert once == kept(*once, answers=False)
