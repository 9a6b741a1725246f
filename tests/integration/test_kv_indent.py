"""--kv-relax-indent and --kv-strict-indent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .lab import matched

if TYPE_CHECKING:
    from .lab import Lab

PAIR = ("--kv-pairs", "q8_0/q4_0")
#: A fake: the control model keeps indentation, so that an answer without it must be made.
FLATTENED = """
    import dataclasses
    import textwrap
    import pytest
    from pytest_codeneedle.server.http.llama_client import Client

    complete = Client.complete

    @pytest.fixture(scope="session", autouse=True)
    def flattened():
        with pytest.MonkeyPatch.context() as patch:
            def flat(self, *args, **kwargs):
                answer = complete(self, *args, **kwargs)
                return dataclasses.replace(answer, text=textwrap.dedent(answer.text))

            patch.setattr(Client, "complete", flat)
            yield
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("given", "relaxed", "figure"),
    [
        ((), True, "20.00"),
        (("--kv-relax-indent",), True, "20.00"),
        (("--kv-strict-indent",), False, "0.00"),
    ],
)
def test_indentation(lab: Lab, given: tuple[str, ...], relaxed: bool, figure: str) -> None:
    """Indentation is ignored unless --kv-strict-indent says otherwise; strict_matched is stored beside it."""
    lab.pytester.makeconftest(FLATTENED)
    result = lab.grid(*PAIR, *given)
    assert {("q8_0", "q4_0"): figure} == matched(result)
    assert relaxed is lab.about()["relax_indent"]
    assert [0, 0] == [row["strict_matched"] for row in lab.rows()]


def test_both(lab: Lab) -> None:
    """Both at once are refused."""
    message = lab.refused(*PAIR, "--corpus", "tiny", "--kv-relax-indent", "--kv-strict-indent")
    assert "--kv-relax-indent and --kv-strict-indent contradict each other" in message


@pytest.mark.slow
def test_command_line_wins(lab: Lab) -> None:
    """The ini file says strict; the option for this one run says relaxed."""
    lab.pytester.makeini("[pytest]\nkv_strict_indent = true\n")
    lab.grid(*PAIR, "--kv-out", "strict")
    lab.grid(*PAIR, "--kv-out", "relaxed", "--kv-relax-indent")
    said = [f'"relax_indent": {word}' for word in ("false", "true")]
    found = [(lab.path / name / "run.json").read_text(encoding="utf-8") for name in ("strict", "relaxed")]
    assert [True, True] == [line in text for line, text in zip(said, found, strict=True)]
