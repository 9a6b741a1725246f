"""A comparison as a comment on a pull request."""

from __future__ import annotations

from stored_runs import run_of

from pytest_codeneedle.core.kv_types import DEFAULT_TYPES, grid_pairs
from pytest_codeneedle.report.text.comparison import comparison_markdown
from pytest_codeneedle.stats.comparison import compare

FULL = [20] * 12
OLD = {"bf16/bf16": FULL, "q8_0/q8_0": FULL, "q4_0/q4_0": FULL}
PAIRS = [str(pair) for pair in grid_pairs(DEFAULT_TYPES, DEFAULT_TYPES)]


def test_comment() -> None:
    """The verdict as a headline, what differs, a table of what is declared and worse, the grids folded away."""
    new = run_of({**OLD, "q8_0/q8_0": [17] * 12, "q4_0/q4_0": [None, *FULL[1:]]}, "new", server_build="b<2>")
    lines = comparison_markdown(compare(run_of(OLD, "old|1"), new))

    assert lines[0].startswith("### KV-cache recall: worse: mean of all cells -1.04 lines ")
    assert r"tiny: old\|1 → new" in lines
    assert r"- build was b1, is b\<2\>" in lines
    assert "| q8\\_0/q8\\_0 | 20.00 | 17.00 | -3.00 | 0.001 | **worse** |" in lines
    assert r"- no answer any more: q4\_0/q4\_0: f0" in lines
    assert lines.index("<details><summary>All cells</summary>") < lines.index("new - old, over the functions of both")
    assert "</details>" == lines[-1]


def test_a_comment_has_an_end() -> None:
    """GitHub takes 65,536 characters: what is folded away goes, where it has to, and of many names a few are told."""
    old, new = (run_of(dict.fromkeys(PAIRS, [lines] * 200), "x" * 20) for lines in (20, None))
    lines = comparison_markdown(compare(old, new))
    assert 60 < len(lines)
    assert sum(len(line) + 1 for line in lines) < 65_536
    folded = comparison_markdown(compare(old, run_of(dict.fromkeys(PAIRS, [20] * 200), "n" * 60_000)))
    assert "(too long for a comment: `codeneedle compare` prints it)" == folded[-1]


def test_text_of_others_stays_text() -> None:
    """No link, nobody notified, no picture, no way out of the fence; GitHub links what is escaped as well."""
    build = "@me org/x#3 GH-4 https://me:hush@evil.example www.evil.example <img src=x> ![a](b) $x$ &lt; `c|d`"
    new = run_of({**OLD, "q8_0/q8_0": [17] * 12}, "`" * 9 + "\n# x\x1b", server_build=build)
    lines = comparison_markdown(compare(run_of(OLD, "old"), new))
    (told,) = [line for line in lines if line.startswith("- build was b1")]
    assert (
        "is `@me` `org/x#3` `GH-4` URL `www.evil.example` "
        r"\<img src=x\> \!\[a\]\(b\) \$x\$ \&lt; \`c\|d\`"
    ) in told
    assert not any("\n" in line or "\x1b" in line for line in lines)
    fence = next(line for line in lines if line.endswith("text"))
    assert lines.count(fence.removesuffix("text")) == 1


def test_a_linked_word_with_backticks() -> None:
    """More of them around it than in it; a bar is escaped in code too, where it is in a table."""
    new = run_of({**OLD, "q8_0/q8_0": [17] * 12}, "new", server_build="@a``b|c")
    lines = comparison_markdown(compare(run_of(OLD, "old"), new))
    assert any(line.endswith(r"is ``` @a``b\|c ```") for line in lines)
