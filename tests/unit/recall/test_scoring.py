"""Scores of answers: the figures that compare with published ones, and those beside them."""

from __future__ import annotations

from collections import Counter
from dataclasses import FrozenInstanceError
from itertools import combinations, product, takewhile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_codeneedle.recall.scoring import DiffLine, aligned_diff, confused_with, confusing, render_diff, score

BODY = [f"  line {number};" for number in range(60)]
PRIMARY, BONUS = BODY[:20], BODY[20:]

# Few different lines, so that they repeat: this is where alignments differ.
LINES = st.lists(st.sampled_from(["a", "b", "  a", "  }", "c ", "", "  "]), max_size=14)
TEXT_LINES = st.lists(st.sampled_from(["a", "b", "  a", "}"]), max_size=14)


def text_of(lines: list[str]) -> str:
    """Write an answer with these lines."""
    return "\n".join(lines)


def blocks_of(expected: list[str], produced: list[str], at: tuple[int, int] = (0, 0)) -> list[tuple[int, int]]:
    """Pairs of matched indices: the longest common run, the first of several, then both sides of it."""
    runs = []
    for e, p in product(range(len(expected)), range(len(produced))):
        equal = takewhile(lambda pair: pair[0] == pair[1], zip(expected[e:], produced[p:], strict=False))
        if size := len(list(equal)):
            runs.append((-size, e, p))
    if not runs:
        return []
    size, e, p = min(runs)
    size = -size
    after = blocks_of(expected[e + size :], produced[p + size :], (at[0] + e + size, at[1] + p + size))
    here = [(at[0] + e + step, at[1] + p + step) for step in range(size)]
    return [*blocks_of(expected[:e], produced[:p], at), *here, *after]


def longest_subsequence(left: list[str], right: list[str]) -> int:
    """Try every subsequence of `left`, the longest ones first."""

    def occurs(wanted: tuple[str, ...]) -> bool:
        rest = iter(right)
        return all(line in rest for line in wanted)

    return next(size for size in range(len(left), -1, -1) if any(map(occurs, combinations(left, size))))


def test_perfect_answer_scores_all_lines() -> None:
    """Every figure of a perfect answer is at its best."""
    result = score(PRIMARY, text_of(PRIMARY), bonus=BONUS)

    assert (20, 20, 20, 20, 20) == (
        result.primary_total,
        result.primary_matched,
        result.lcs_matched,
        result.position_exact,
        result.strict_matched,
    )
    assert (0, 0, True) == (result.bonus_matched, result.hallucinated, result.passed)
    assert tuple(PRIMARY) == result.produced
    assert (result.empty, result.think_lines) == (False, 0)


def test_score_is_frozen() -> None:
    """A score cannot be changed once it is given."""
    with pytest.raises(FrozenInstanceError):
        score(PRIMARY, "").passed = True  # type: ignore[misc]


@pytest.mark.parametrize(("lines", "passed"), [(7, False), (8, True)])
def test_eight_lines_pass(lines: int, passed: bool) -> None:
    """The pass rule is the published one: eight of the twenty lines."""
    assert passed == score(PRIMARY, text_of(PRIMARY[:lines])).passed


def test_threshold_can_be_set() -> None:
    """Another threshold moves the pass rule and no figure."""
    result = score(PRIMARY, text_of(PRIMARY[:3]), threshold=3)

    assert (3, True) == (result.primary_matched, result.passed)


def test_running_on_earns_bonus_lines() -> None:
    """Lines that follow the primary ones in the source are right, what follows those is not."""
    result = score(PRIMARY, text_of([*BODY[:25], "", "other();"]), bonus=BONUS)

    assert (20, 5, 1) == (result.primary_matched, result.bonus_matched, result.hallucinated)


def test_undercounted_answer_keeps_its_longest_subsequence() -> None:
    """The published alignment takes the longest run first and loses lines that a subsequence keeps."""
    result = score(["a", "b", "c", "d", "e", "f"], text_of(["a", "b", "x", "c", "e", "f", "a", "b", "c"]))

    assert (3, 5) == (result.primary_matched, result.lcs_matched)


def test_bonus_lines_can_take_a_primary_line() -> None:
    """A longer run among the bonus lines is taken first, as in the public harness; the subsequence is not."""
    alone, beside = score(["a"], "a\nb"), score(["a"], "a\nb", bonus=["a", "b"])

    assert (1, 0) == (alone.primary_matched, alone.bonus_matched)
    assert (0, 2) == (beside.primary_matched, beside.bonus_matched)
    assert 1 == alone.lcs_matched == beside.lcs_matched


def test_answer_shifted_by_one_line_has_no_line_in_place() -> None:
    """A line in front costs no match, but every position."""
    result = score(PRIMARY, text_of(["function f() {", *PRIMARY]))

    assert (20, 20, 0, 1) == (
        result.primary_matched,
        result.lcs_matched,
        result.position_exact,
        result.hallucinated,
    )


def test_skipped_line_keeps_positions_before_it() -> None:
    """Positions are right up to the line that was left out."""
    result = score(PRIMARY, text_of(PRIMARY[:5] + PRIMARY[6:]))

    assert (19, 5) == (result.primary_matched, result.position_exact)


def test_blank_first_line_shifts_no_position() -> None:
    """An answer cannot keep a blank first line, so that line alone is lost."""
    result = score(["", "a", "b"], "\na\nb")

    assert (2, 2, 2) == (result.primary_matched, result.lcs_matched, result.position_exact)


@pytest.mark.parametrize("response", ["", "\n \n", "```\n```"])
def test_empty_answer_is_marked(response: str) -> None:
    """Nothing to score is told apart from wrong lines."""
    result = score(PRIMARY, response)

    assert (result.empty, result.think_lines, result.primary_matched, result.passed) == (True, 0, 0, False)


def test_answer_spent_on_thinking_is_marked() -> None:
    """Thinking that never ended is an empty answer, not a hallucinated one."""
    result = score(PRIMARY, "<think>\nwhere is it?\n  line 0;")

    assert (result.empty, result.think_lines, result.hallucinated) == (True, 3, 0)


def test_thinking_is_not_hallucinated() -> None:
    """Thinking before a perfect answer is counted apart."""
    result = score(PRIMARY, text_of(["<think>", "hm", "</think>", *PRIMARY]))

    assert (20, 20, 0, 3) == (
        result.primary_matched,
        result.position_exact,
        result.hallucinated,
        result.think_lines,
    )


def test_windows_line_ends_and_trailing_blanks_do_not_count() -> None:
    """Trailing white space is no difference on either side."""
    assert 20 == score([line + "\t" for line in PRIMARY], "  \r\n".join(PRIMARY)).position_exact


def test_form_feed_within_a_line_is_part_of_it() -> None:
    """A corpus line with a separator that only `str.splitlines` knows can be matched."""
    assert 2 == score(["a\x0cb", "c\u2028d"], "a\x0cb\nc\u2028d").primary_matched


def test_wrong_indentation_is_wrong_unless_relaxed() -> None:
    """Relaxing the indentation matches shifted code, and `strict_matched` still tells."""
    response = text_of([line.strip() for line in PRIMARY])
    strict, relaxed = score(PRIMARY, response), score(PRIMARY, response, relax_indent=True)

    assert (0, 0, 20, 0) == (
        strict.primary_matched,
        strict.strict_matched,
        strict.hallucinated,
        strict.position_exact,
    )
    assert (20, 0, 0, 20) == (
        relaxed.primary_matched,
        relaxed.strict_matched,
        relaxed.hallucinated,
        relaxed.position_exact,
    )


def test_no_primary_lines_match_nothing() -> None:
    """A function without lines gives zeros."""
    result = score([], "a")

    assert (0, 0, 0, 1) == (
        result.primary_total,
        result.primary_matched,
        result.lcs_matched,
        result.hallucinated,
    )


@given(TEXT_LINES, LINES)
def test_perfect_answer_scores_all(primary: list[str], bonus: list[str]) -> None:
    """Primary lines with text, given back alone, are matched and in place."""
    alone, beside = score(primary, text_of(primary)), score(primary, text_of(primary), bonus=bonus)
    total = len(primary)

    assert (total, total, total, 0) == (
        alone.primary_matched,
        alone.lcs_matched,
        alone.position_exact,
        alone.hallucinated,
    )
    assert (total, total, 0, 0) == (
        beside.primary_matched,
        beside.position_exact,
        beside.bonus_matched,
        beside.hallucinated,
    )


@given(LINES, LINES, LINES, st.booleans())
def test_counts_are_ordered(primary: list[str], bonus: list[str], produced: list[str], relax: bool) -> None:
    """Nothing exceeds the longest subsequence, and that does not exceed what was asked for."""
    result = score(primary, text_of(produced), bonus=bonus, relax_indent=relax)

    assert 0 <= result.primary_matched <= result.lcs_matched <= result.primary_total
    assert 0 <= result.position_exact <= result.lcs_matched
    assert 0 <= result.strict_matched <= result.lcs_matched
    assert 0 <= result.bonus_matched <= len(bonus)
    assert (result.primary_matched >= 8) == result.passed


@given(LINES, LINES, LINES, st.booleans())
def test_produced_lines_add_up(primary: list[str], bonus: list[str], produced: list[str], relax: bool) -> None:
    """Each produced line is matched, hallucinated or blank."""
    response = text_of(produced)
    result = score(primary, response, bonus=bonus, relax_indent=relax)
    matched = result.primary_matched + result.bonus_matched
    blank = len(result.produced) - matched - result.hallucinated

    assert 0 <= blank <= sum(not line.strip() for line in result.produced)


@given(LINES, LINES, LINES, st.booleans())
def test_published_figures_agree_with_an_oracle(
    primary: list[str], bonus: list[str], produced: list[str], relax: bool
) -> None:
    """Matched, bonus and hallucinated lines are those of the longest matching runs, searched one by one."""
    result = score(primary, text_of(produced), bonus=bonus, relax_indent=relax)
    normal = str.strip if relax else str.rstrip
    answer = [normal(line) for line in result.produced]
    pairs = blocks_of([normal(line) for line in [*primary, *bonus]], answer)
    taken = {index for _, index in pairs}

    assert sum(index < len(primary) for index, _ in pairs) == result.primary_matched
    assert sum(index >= len(primary) for index, _ in pairs) == result.bonus_matched
    assert sum(line != "" for i, line in enumerate(answer) if i not in taken) == result.hallucinated


@given(st.lists(st.sampled_from("abc"), max_size=8), st.lists(st.sampled_from("abc"), max_size=10))
def test_longest_subsequence_agrees_with_trying_all(primary: list[str], produced: list[str]) -> None:
    """On small inputs every subsequence can be tried."""
    assert longest_subsequence(primary, produced) == score(primary, text_of(produced)).lcs_matched


@given(LINES, LINES)
def test_relaxing_the_indentation_loses_no_line(primary: list[str], produced: list[str]) -> None:
    """Lines that were equal stay equal, so neither subsequence nor positions shrink."""
    strict = score(primary, text_of(produced))
    relaxed = score(primary, text_of(produced), relax_indent=True)

    assert strict.lcs_matched <= relaxed.lcs_matched
    assert strict.position_exact <= relaxed.position_exact
    assert strict.primary_matched == strict.strict_matched == relaxed.strict_matched


@given(LINES, LINES, LINES)
def test_fence_around_an_answer_changes_nothing(primary: list[str], bonus: list[str], produced: list[str]) -> None:
    """A fenced answer scores as the same answer without fences."""
    fenced = text_of(["```js", *produced, "```"])

    assert score(primary, text_of(produced), bonus=bonus) == score(primary, fenced, bonus=bonus)


@given(LINES, LINES, LINES)
def test_more_lines_lower_no_subsequence(primary: list[str], produced: list[str], more: list[str]) -> None:
    """Running on can lower the published figure, never the longest subsequence nor the positions."""
    short, long = score(primary, text_of(produced)), score(primary, text_of([*produced, *more]))

    assert short.lcs_matched <= long.lcs_matched
    # An answer that is all blank begins with what comes after it.
    assert short.empty or short.position_exact <= long.position_exact


@given(LINES, LINES, LINES)
def test_bonus_lines_leave_the_subsequence_alone(primary: list[str], bonus: list[str], produced: list[str]) -> None:
    """The longest subsequence is one of the primary lines, whatever follows them."""
    assert score(primary, text_of(produced)).lcs_matched == score(primary, text_of(produced), bonus=bonus).lcs_matched


CANDIDATES = {
    "own": ["a1", "a2", "a3", "}"],
    "twin": ["b1", "b2", "b3", "}"],
    "second": ["b1", "b2", "b3", "}"],
    "half": ["b1", "b2", "c3", "}"],
}


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        pytest.param("a1\na2\na3\n}", None, id="perfect"),
        pytest.param("b1\nb2\nb3\n}", "twin", id="first of equals"),
        pytest.param("b1\nb2\nc3\n}", "half", id="best of several"),
        pytest.param("a1\nb1", None, id="tie with its own"),
        pytest.param("x\ny", None, id="nothing known"),
        pytest.param("b3\nb2\nb1", "twin", id="out of order"),
        pytest.param("", None, id="empty"),
    ],
)
def test_confusion_names_the_better_match(answer: str, name: str | None) -> None:
    """The function that the answer matches strictly better is named."""
    assert name == confused_with(answer, CANDIDATES, "own")


def test_confusion_needs_order_not_only_shared_lines() -> None:
    """Lines that are shared but in another order are no better match."""
    assert confused_with("a1\na2\nb3\nb2\nb1", CANDIDATES, "own") is None


def test_running_on_is_no_confusion() -> None:
    """An answer that goes on into the next function is held to its first lines only."""
    bodies = {"own": PRIMARY, "next": [f"  other {number};" for number in range(20)]}
    response = text_of([*PRIMARY[:15], "x", *PRIMARY[16:], "}", *bodies["next"]])

    assert confused_with(response, bodies, "own") is None


def test_confusion_reads_no_further_than_its_lines() -> None:
    """Body lines past the first ones are not compared."""
    bodies = {"own": ["a", "b"], "other": ["x", "y", "c", "d"]}

    assert confused_with("c\nd", bodies, "own", lines=2) is None
    assert "other" == confused_with("c\nd", bodies, "own", lines=4)


def test_perfect_answer_with_blank_ends_is_not_confused() -> None:
    """Blank outer lines, which no answer keeps, cannot make another function the better one."""
    assert confused_with("\na\n", {"own": ["", "a", ""], "other": ["a", "x"]}, "own") is None


def test_confusion_can_ask_for_more_lines() -> None:
    """A brace in common is no confusion where more lines are asked for."""
    assert "twin" == confused_with("x\n}", {"own": ["a"], "twin": CANDIDATES["twin"]}, "own")
    assert confused_with("x\n}", {"own": ["a"], "twin": CANDIDATES["twin"]}, "own", at_least=2) is None
    assert "twin" == confused_with("b3\n}", CANDIDATES, "own", at_least=2)


@pytest.mark.parametrize(("lines", "least"), [(20, 8), (10, 4), (5, 2), (1, 1), (40, 16)])
def test_confusion_needs_the_share_that_passes(lines: int, least: int) -> None:
    """As the published rule has it, whatever a run asks for."""
    assert least == confusing(lines)


def test_confusion_can_relax_the_indentation() -> None:
    """Indentation counts for confusion as it does for the score."""
    bodies = {"own": ["a"], "other": ["  b"]}

    assert confused_with("b", bodies, "own") is None
    assert "other" == confused_with("b", bodies, "own", relax_indent=True)


def test_confusion_with_an_unknown_function_is_an_error() -> None:
    """The function itself has to be among the candidates."""
    with pytest.raises(KeyError, match="gone"):
        confused_with("a", CANDIDATES, "gone")


@given(st.lists(st.lists(st.sampled_from("abcd"), min_size=5, max_size=5), min_size=1, max_size=5), TEXT_LINES)
def test_confusion_agrees_with_scoring_each(bodies: list[list[str]], produced: list[str]) -> None:
    """The quick search names what scoring every candidate would name."""
    candidates = {str(index): body for index, body in enumerate(bodies)}
    matched = {name: score(body, text_of(produced)).primary_matched for name, body in candidates.items()}
    best = max(matched, key=lambda name: matched[name])

    assert (best if matched[best] > matched["0"] else None) == confused_with(text_of(produced), candidates, "0")


def test_diff_reads_from_top_to_bottom() -> None:
    """Missing and hallucinated lines stand where the matched lines around them put them."""
    diff = aligned_diff(["a", "b", "c"], ["d", "e"], "a\nx\n\nc\nd\ny", relax_indent=False)

    assert [
        DiffLine("matched", "a"),
        DiffLine("missing", "b"),
        DiffLine("hallucinated", "x"),
        DiffLine("matched", "c"),
        DiffLine("bonus", "d"),
        DiffLine("hallucinated", "y"),
    ] == diff


def test_diff_shows_what_the_model_wrote() -> None:
    """A line matched with relaxed indentation shows the model's own."""
    assert [DiffLine("matched", "\ta")] == aligned_diff(["  a"], [], "\ta  ", relax_indent=True)


def test_diff_of_an_empty_answer_misses_all() -> None:
    """Every primary line is missing, and no bonus line is."""
    assert [DiffLine("missing", line) for line in PRIMARY] == aligned_diff(PRIMARY, BONUS, "", relax_indent=False)


@given(LINES, LINES, LINES, st.booleans())
def test_diff_adds_up_to_the_score(primary: list[str], bonus: list[str], produced: list[str], relax: bool) -> None:
    """The diff shows as many lines of each kind as the score counts."""
    result = score(primary, text_of(produced), bonus=bonus, relax_indent=relax)
    diff = aligned_diff(primary, bonus, text_of(produced), relax_indent=relax)
    tags = Counter(line.tag for line in diff)
    wanted = [line.rstrip() for line in primary]

    assert result.primary_matched == tags["matched"]
    assert result.primary_total == tags["matched"] + tags["missing"]
    assert (result.bonus_matched, result.hallucinated) == (tags["bonus"], tags["hallucinated"])
    if not relax:
        assert wanted == [line.text for line in diff if line.tag in {"matched", "missing"}]


DIFF = [
    *(DiffLine("matched", f"m{number}") for number in range(6)),
    DiffLine("missing", "gone"),
    DiffLine("hallucinated", "  new"),
    *(DiffLine("matched", f"n{number}") for number in range(6)),
    DiffLine("missing", ""),
    *(DiffLine("matched", f"o{number}") for number in range(3)),
    DiffLine("bonus", "more"),
]


def test_diff_folds_long_matched_runs() -> None:
    """Runs of more than three matched lines become one line that counts them."""
    assert [
        "  ... 6 lines matched",
        "- gone",
        "+   new",
        "  ... 6 lines matched",
        "-",
        "  o0",
        "  o1",
        "  o2",
        "> more",
    ] == render_diff(DIFF).split("\n")


def test_diff_keeps_context_next_to_changes() -> None:
    """Context lines stay on the sides that face a change, where a fold is still worth it."""
    assert [
        "  ... 5 lines matched",
        "  m5",
        "- gone",
        "+   new",
        "  n0",
        "  ... 4 lines matched",
        "  n5",
    ] == render_diff(DIFF, context=1).split("\n")[:7]


@pytest.mark.parametrize("context", [None, 6])
def test_diff_can_show_every_line(context: int | None) -> None:
    """No context limit, or a wide one, folds nothing."""
    assert len(DIFF) == len(render_diff(DIFF, context=context).split("\n"))


def test_diff_of_a_perfect_answer_is_one_line() -> None:
    """Without a change there is nothing to show context for."""
    diff = aligned_diff(PRIMARY, [], text_of(PRIMARY), relax_indent=False)

    assert "  ... 20 lines matched" == render_diff(diff, context=3)


def test_empty_diff_renders_as_nothing() -> None:
    """No lines are the empty text."""
    assert "" == render_diff([])


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", r"\x1b[31mred"),
        ("a\x00\x7f\x9b", r"a\x00\x7f\x9b"),
        ("a\r\nb", r"a\r\nb"),
        ("\u202eevil\u2028", r"\u202eevil\u2028"),
        ("\ud800", r"\ud800"),
        ("\tø = '\\'  # 漢", "\tø = '\\'  # 漢"),
    ],
)
def test_terminal_codes_stay_text(text: str, shown: str) -> None:
    """Control characters are escaped; tabs, backslashes and letters of any script are not."""
    assert f"+ {shown}" == render_diff([DiffLine("hallucinated", text)])


def test_a_diff_cuts_long_lines() -> None:
    """A model may write a megabyte without a line break."""
    assert f"+ {'x' * 400} ... 999600 more characters" == render_diff([DiffLine("hallucinated", "x" * 1_000_000)])


@given(st.lists(st.builds(DiffLine, st.sampled_from(["matched", "missing", "bonus"]), st.text())))
def test_rendered_diff_has_one_line_each(diff: list[DiffLine]) -> None:
    """Whatever a line holds, it takes one line and can be written as UTF-8."""
    rendered = render_diff([*diff, DiffLine("missing", "end")], context=None)

    assert len(diff) + 1 == len(rendered.encode().decode().splitlines())
    assert all(line[0] in " ->" for line in rendered.splitlines() if line)
