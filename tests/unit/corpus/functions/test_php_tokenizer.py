"""The extraction of PHP against PHP itself: its tokenizer, asked by `tokenizer.php`, and its compiler, `php -l`."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from php_cases import CASES, NAMED, NAMELESS
from php_tree import write_tree

from pytest_codeneedle.corpus.functions.php import functions

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Settings that a person's php.ini may have otherwise. What PHP warns of, it still reads.
PHP = ("php", "-d", "short_open_tag=0", "-d", "error_reporting=0", "-d", "display_errors=stderr")
NEEDED = "exit((int) !(PHP_VERSION_ID >= 80200 && extension_loaded('tokenizer')));"


def missing() -> str:
    """What these tests miss; nothing where PHP is there and new enough for the cases."""
    if not shutil.which("php"):
        return "php is not on PATH"
    done = subprocess.run([*PHP, "-r", NEEDED], check=False)
    return "php is older than 8.2 or has no tokenizer" if done.returncode else ""


pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())


class Tokenizer:
    """A process of PHP that reads one file after the other."""

    def __init__(self) -> None:
        script = Path(__file__).with_name("tokenizer.php")
        self._process = subprocess.Popen([*PHP, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def functions(self, path: Path) -> list[tuple[Any, ...]]:
        """Name, signature line, start line and body of each function of a file, which must be PHP."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{path}\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        assert answer["error"] is None, f"{path}: {answer['error']}"
        keys = ("name", "signature_line", "start_line", "body")
        return [tuple(function[key] for key in keys) for function in answer["functions"]]

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


@pytest.fixture(scope="module")
def tokenizer() -> Iterator[Tokenizer]:
    """PHP is slow to start: one process for all."""
    started = Tokenizer()
    yield started
    started.close()


def extracted(path: Path) -> list[tuple[Any, ...]]:
    """What the extraction says of the same file."""
    text = path.read_bytes().decode()
    return [(f.name, f.signature_line, f.start_line, [*f.body]) for f in functions(text, source=path.name)]


def compiles(path: Path) -> bool:
    """Whether `php -l` takes this file."""
    done = subprocess.run([*PHP, "-l", path], capture_output=True, text=True, check=False)
    return done.returncode == 0


HARD = {
    **{name: text for name, (text, _) in CASES.items()},
    **{
        f"{kind}-{name}": f"<?php\n{head}\n  1;\n  2;\n{tail}\n"
        for kind, forms in (("named", NAMED), ("nameless", NAMELESS))
        for name, (head, tail) in forms.items()
    },
}


@pytest.mark.parametrize("text", HARD.values(), ids=HARD)
def test_hard_cases_are_php_and_both_agree(tokenizer: Tokenizer, tmp_path: Path, text: str) -> None:
    """What the cases say is not only our reading: PHP compiles them, and its tokens give the same functions."""
    path = tmp_path / "case.php"
    path.write_bytes(text.encode())

    assert compiles(path)
    assert tokenizer.functions(path) == extracted(path)


@pytest.mark.parametrize("seed", [1, 2])
def test_both_agree_on_an_application(tokenizer: Tokenizer, tmp_path: Path, seed: int) -> None:
    """Over whole files of everything at once, none of the functions is lost, moved or cut."""
    paths = write_tree(tmp_path, target_bytes=150_000, seed=seed)

    assert len(paths) >= 20
    assert {".php", ".phtml", ".inc"} == {path.suffix for path in paths}
    assert [] == [path for path in paths if not compiles(path)]
    for path in paths:
        found = extracted(path)
        assert tokenizer.functions(path) == found
        assert found


#: Pieces that stand between statements, each of which could be taken for the begin or the end of a function.
PIECES = (
    *("$a = '}{';", "$b = \"{$c['}']} } ${d} $e->f {\";", "// }", "# {", "/* } function x() { */", "$g = `{ $h }`;"),
    *("$i = <<<A\n  } {$j->k(['{'])} $l\n  A;", "$m = <<<'B'\n{$ } ' \"\nB . '';", "?> } it's { <?= '}' ?>\n<?php"),
    *(
        "if ($n): ?> { <?php endif;",
        "?>\n<?php // } ?>\n<?php",
        "f(function () {\n  1;\n});",
        "$o = ['}' => fn() => '{'];",
    ),
    *(
        "#[P(1,\n 2)]",
        'echo "$this->class $q[default]", f(list: Real::X);',
        "match ($r) {\n  default => '}',\n};",
        "日本;",
    ),
)
FORMS = sorted(form for form in NAMED if form != "namespace")
snippets = st.recursive(
    st.lists(st.sampled_from(PIECES), max_size=3).map("\n".join),
    lambda inner: st.builds(
        lambda form, number, before, within: (
            f"{before}\n{NAMED[form][0].replace('fn_', f'fn{number}')}\n{within}\n{NAMED[form][1]}"
        ),
        *(st.sampled_from(FORMS), st.integers(0, 99), inner, inner),
    ),
    max_leaves=12,
)


@settings(max_examples=400, deadline=None)
@given(snippets, st.sampled_from(["\n", "\r\n", "\r"]))
def test_both_agree_on_compositions(tokenizer: Tokenizer, snippet: str, end: str) -> None:
    """Functions within functions, between whatever looks like one, with any line end."""
    # An attribute has to stand before something.
    text = f"<?php\n{snippet}\nfunction last() {{\n}}".replace("#[P(1,\n 2)]\n", "#[P(1,\n 2)] fn() => 1;\n")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "snippet.php"
        path.write_bytes(text.replace("\n", end).encode())

        assert tokenizer.functions(path) == extracted(path)
