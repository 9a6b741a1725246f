"""The one door: what passes it is fit to be seen, and nothing of the package prints beside it."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pytest_codeneedle
from pytest_codeneedle.cli import main
from pytest_codeneedle.core.output import complain, fit_line, say, say_code, say_json
from pytest_codeneedle.core.text import printable, printable_json

FOLDER = Path(pytest_codeneedle.__file__).parent
#: Who may: the door, the door of pytest's sessions, the line that is redrawn, and words that are this package's own.
MAY = {
    "core/output.py": {"print", "sys.stderr"},
    "plugin/terminal.py": {"write_line", "write_sep", "UsageError"},
    "plugin/live_line.py": {"os.write"},  # of the terminal's own descriptor; its text is printable
    "core/signals.py": {"os.write"},  # constant words, at a moment when nothing else may be done
    "cli/__init__.py": {"sys.stderr"},  # closed where nobody reads, told from standard output
    "runs/lock.py": {"os.write"},
}
PRINTS = {"print", "pprint", "write_line", "write_sep", "UsageError", "print_exc", "echo", "warn", "showwarning"}
STREAMS = {"sys.stdout", "sys.stderr", "sys.__stdout__", "sys.__stderr__", "os.write"}


def printing(source: str) -> set[str]:
    """By which names this source prints, or gets hold of what prints."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and ast.unparse(node) in STREAMS:
            found.add(ast.unparse(node))
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            found |= {called} & PRINTS
    return found


def test_how_printing_is_found() -> None:
    """By whatever name."""
    source = (
        "print(1)\nsys.stdout.write('x')\nfrom sys import path\nreporter.write_line('x')\nos.write(2, b'x')\n"
        "raise pytest.UsageError('x')\nwarnings.warn('x')\npath.write('x')\nout = sys.stderr"
    )
    names = {"print", "sys.stdout", "write_line", "os.write", "UsageError", "warn", "sys.stderr"}
    assert names == printing(source)


def test_nothing_else_prints() -> None:
    """What is added goes through the door, or is a failure here."""
    by_module = {str(path.relative_to(FOLDER)): printing(path.read_text("utf-8")) for path in FOLDER.rglob("*.py")}
    others = {module: names - MAY.get(module, set()) for module, names in by_module.items()}
    assert {module: names for module, names in others.items() if names} == {}


UGLY = "a\x1b]0;owned\x07\x9b31m\u202eb\u200b\nc\ud800 https://me:hush@host/?token=hush"
SHOWN = "a\\x1b]0;owned\\x07\\x9b31m\\u202eb\\u200b\\nc\\ud800 https://***@host/?token=***"


def test_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """A line end within a line is no line end: names have them too."""
    say(UGLY, "b")
    complain(UGLY)
    say_code("password = 'x'\x1b\n    y")
    out, err = capsys.readouterr()
    assert f"{SHOWN}\nb\npassword = 'x'\\x1b\n    y\n" == out
    assert SHOWN.replace("\\n", "\n") + "\n" == err
    assert SHOWN == fit_line(UGLY)


@given(st.dictionaries(st.text(), st.text()))
def test_json_is_what_it_was(value: dict[str, str]) -> None:
    """Escapes in JSON are JSON's, half surrogate pairs too."""
    said = printable_json(json.dumps(value, indent=1, ensure_ascii=False))
    assert value == json.loads(said)
    assert said.split("\n") == [printable(line) for line in said.split("\n")]
    assert said.encode()


def test_json_has_no_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    """By name and by shape."""
    say_json({"api_key": "hush", "server": "llama-server --hf-token hush", "n": 1.5})
    assert {"api_key": "***", "server": "llama-server --hf-token ***", "n": 1.5} == json.loads(capsys.readouterr().out)


def test_what_was_typed(capsys: pytest.CaptureFixture[str]) -> None:
    """Argparse repeats it."""
    with pytest.raises(SystemExit):
        main(["grid", "run", "--no\x1b[31m"])
    assert 2 == main(["grid", "no\x1b]0;x\x07"])
    err = capsys.readouterr().err
    assert "\x1b" not in err
    assert "--no\\x1b[31m" in err
    assert "codeneedle: no\\x1b]0;x\\x07 is not a run folder" in err


def test_a_value_of_a_mib_is_cut_out_of_a_message(capsys: pytest.CaptureFixture[str]) -> None:
    """Its beginning and the way out at its end stay."""
    complain(f"unknown: {'y' * 2**20}; name another")
    said = capsys.readouterr().err

    assert len(said) < 4100
    assert said.startswith("unknown: yyy")
    assert "y ... 1044599 more characters ... y" in said
    assert said.endswith("y; name another\n")


@pytest.mark.parametrize("command", [["functions"], ["grid"], ["compare", "."], ["rescore"]])
def test_a_name_that_is_too_long_is_a_message(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """The system refuses to look for it."""
    assert 2 == main([*command, "y" * 300])
    assert "Traceback" not in capsys.readouterr().err
