"""`codeneedle functions`, `score`, `generate`, `model`: what a corpus holds, and what can be made."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_codeneedle.core.cells import ERROR, FAILED, PASSED
from pytest_codeneedle.core.errors import CellError, ConfigurationError, CorpusError
from pytest_codeneedle.core.output import say, say_code, say_json
from pytest_codeneedle.core.regular_files import MOST_BYTES, read_given
from pytest_codeneedle.core.text import printable
from pytest_codeneedle.core.whole_file import write_whole
from pytest_codeneedle.recall.questions import Task, askable

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from pytest_codeneedle.corpus.corpus import Corpus
    from pytest_codeneedle.corpus.functions.function import Function

#: Longer names do not push the columns of the others aside.
_WIDEST = 40


def functions(flags: argparse.Namespace) -> None:
    """List the functions that would be asked for, or print the lines of one."""
    from pytest_codeneedle.core.long_work import SAMPLING, on_stderr  # noqa: PLC0415 - each command pays for its own

    corpus = _corpus(flags, whole=flags.model is None)
    if flags.model is not None:
        corpus = _trimmed(corpus, flags.model)
    if flags.show is not None:
        say_code("\n".join(_function(corpus, flags.show, flags.lines).primary(flags.lines)))
        return
    with on_stderr("codeneedle")(f"corpus {corpus.name}") as at:
        at(SAMPLING)
        can_be_asked = askable(corpus.text, Task(flags.lines))
        sampled = corpus.functions if flags.all else corpus.sample(flags.k, flags.seed, can_be_asked)
    left_out = [function.name for function in sampled if not can_be_asked(function)]
    listed = [function for function in sampled if flags.all or can_be_asked(function)] or sampled
    rows = [
        {
            "name": function.name,
            "start_line": function.start_line,
            "body_lines": len(function.body),
            "language": function.language,
            "source": function.source,
        }
        for function in listed
    ]
    if flags.json:
        say_json(rows)
        return
    names = [printable(function.name) for function in listed]
    width = min(_WIDEST, max(map(len, names)))
    for name, function in zip(names, listed, strict=True):
        say(f"{name:<{width}}  line {function.start_line:>6}  {len(function.body):>4} lines  {function.source}")
    for line in _summary(corpus, listed, left_out, trimmed=flags.model is not None):
        say(line)


def _summary(corpus: Corpus, listed: Sequence[Function], left_out: Sequence[str], *, trimmed: bool) -> list[str]:
    lines = [f"{len(listed)} of {len(corpus.functions)} functions; sha256 {corpus.sha256}", *corpus.notes]
    if left_out:
        names = ", ".join(map(printable, left_out))
        lines.append(f"no quotation tells these apart, only --kv-prompt codeneedle asks for them: {names}")
    if corpus.same_names:
        lines.append(f"not asked for, having the name of an earlier one: {corpus.same_names}")
    if corpus.skipped:
        lines += [f"left out: {one.reason}" for one in corpus.skipped]
    if trimmed and corpus.dropped:
        lines.append(f"[trim] to {corpus.max_tokens} tokens keeps {len(corpus.files)} files, {len(corpus.dropped)} not")
    elif corpus.max_tokens is not None and not trimmed:
        lines.append(f"not trimmed to its {corpus.max_tokens} tokens: --model FILE counts with that model's tokenizer")
    return lines


def score(flags: argparse.Namespace) -> None:
    """Score one answer to one function of a corpus."""
    from pytest_codeneedle.recall.labels import label_answer, label_error  # noqa: PLC0415 - each command pays for its own
    from pytest_codeneedle.recall.scoring import aligned_diff, confused_with, confusing, render_diff  # noqa: PLC0415 - as above
    from pytest_codeneedle.recall.scoring import score as scored  # noqa: PLC0415 - as above
    from pytest_codeneedle.runs.rescore import NOTHING_TO_SCORE, score_facts  # noqa: PLC0415 - as above

    check_threshold(flags.threshold, flags.lines)
    corpus = _corpus(flags)
    function = _function(corpus, flags.function, flags.lines)
    answer = _answer(flags.answer)
    primary, bonus, relax = function.primary(flags.lines), function.bonus(flags.lines), flags.relax_indent
    result = scored(primary, answer, bonus=bonus, relax_indent=relax, threshold=flags.threshold)
    bodies = {one.name: one.primary(flags.lines) for one in corpus.functions}
    confused = confused_with(
        answer, bodies, function.name, lines=flags.lines, relax_indent=relax, at_least=confusing(flags.lines)
    )
    unusable = label_error(primary, answer, bonus=bonus)
    label = unusable or label_answer(primary, answer, result, bonus=bonus, confused_with=confused, relax_indent=relax)
    if flags.json:
        outcome = ERROR if unusable else PASSED if result.passed else FAILED
        facts = {**score_facts(result), "outcome": outcome, "label": label, "confused_with": confused}
        say_json({"corpus": corpus.name, "function": function.name, **facts})
        return
    name = printable(function.name)
    if unusable:
        say(f"{name}: {NOTHING_TO_SCORE[unusable]}: an ERROR, not a miss (label {unusable})")
        return
    verdict = "passes" if result.passed else "fails"
    say(f"{name}: {result.primary_matched} of {result.primary_total} lines matched; {verdict}")
    say(f"longest common subsequence {result.lcs_matched}, in place {result.position_exact}")
    say(f"hallucinated {result.hallucinated}, bonus {result.bonus_matched}, label {label or 'none: it is perfect'}")
    if confused:
        say(f"reads like {printable(confused)}")
    say_code(render_diff(aligned_diff(primary, bonus, answer, relax_indent=relax)))


def generate(flags: argparse.Namespace) -> None:
    """Write a synthetic corpus."""
    from pytest_codeneedle.corpus.random_bodies import RandomBodies  # noqa: PLC0415 - as above

    text = RandomBodies(flags.functions, flags.value_len, flags.seed, flags.body_lines).text()
    if flags.output is None:
        say_code(text.removesuffix("\n"))
        return
    write_text(flags.output, text)
    say(f"{flags.output}: {len(text)} bytes")


def model(flags: argparse.Namespace) -> None:
    """Write a control model."""
    from pytest_codeneedle.server.control_model.model import Control  # noqa: PLC0415 - as above
    from pytest_codeneedle.server.model import CONTROL  # noqa: PLC0415 - as above

    control = Control(flags.name.removeprefix(CONTROL))
    if flags.output.is_dir():
        name = flags.output / f"{control.name}.gguf"
        msg = f"{flags.output} is a directory; give a file: -o {name}"
        raise ConfigurationError(msg)
    if not flags.output.parent.is_dir():
        msg = f"{flags.output} cannot be written: there is no folder {flags.output.parent}; give another -o FILE"
        raise ConfigurationError(msg)
    control.write(flags.output, way_out="give another -o FILE")
    say(f"{flags.output}: {flags.output.stat().st_size} bytes")


def project_root() -> Path:
    """The nearest folder with `corpora/` in it, from here upwards; here where there is none."""
    here = Path.cwd()
    return next((folder for folder in (here, *here.parents) if (folder / "corpora").is_dir()), here)


def check_threshold(threshold: int, lines: int) -> None:
    """Raise ConfigurationError for more lines to match than there are."""
    if threshold > lines:
        msg = f"--pass {threshold} is out of range; give 1 to {lines}, the lines that are asked for"
        raise ConfigurationError(msg)


def write_text(path: Path, text: str, *, private: bool = False) -> None:
    """Write a file that the user named whole, `private` for their eyes alone. Raises ConfigurationError."""
    try:
        write_whole(path, text.encode(), private=private)
    except OSError as error:
        msg = f"{path} cannot be written: {error.strerror}; give another -o FILE"
        raise ConfigurationError(msg) from error


def _corpus(flags: argparse.Namespace, *, whole: bool = True) -> Corpus:
    from pytest_codeneedle.core.long_work import on_stderr  # noqa: PLC0415 - as above
    from pytest_codeneedle.core.machine import cache_folder  # noqa: PLC0415 - as above
    from pytest_codeneedle.corpus.corpus import load_corpus  # noqa: PLC0415 - as above

    return load_corpus(
        flags.corpus,
        project_root(),
        min_lines=flags.lines,
        skip_unparsable=flags.skip_unparsable,
        cache=cache_folder(),
        whole=whole,
        progress=on_stderr("codeneedle"),
    )


def _function(corpus: Corpus, name: str, lines: int) -> Function:
    chosen = next((function for function in corpus.functions if function.name == name), None)
    if chosen is None:
        msg = f"corpus {corpus.name!r} has no function {name!r} of {lines} lines; see codeneedle functions --all"
        raise CorpusError(msg)
    return chosen


def _answer(path: Path) -> str:
    if str(path) == "-":
        return sys.stdin.read()
    try:
        return read_given(path, MOST_BYTES).decode("utf-8-sig", "replace")
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}; give a file with the answer, or - for standard input"
        raise ConfigurationError(msg) from error


def _trimmed(corpus: Corpus, given: str) -> Corpus:
    """The corpus cut to its `[trim] max_tokens`, as the tokenizer of that model counts: a server is started for it."""
    from pytest_codeneedle.core.kv_types import KVPair  # noqa: PLC0415 - as above
    from pytest_codeneedle.core.long_work import on_stderr  # noqa: PLC0415 - as above
    from pytest_codeneedle.core.machine import cache_folder, cores  # noqa: PLC0415 - as above
    from pytest_codeneedle.core.private_files import passing_folder  # noqa: PLC0415 - as above
    from pytest_codeneedle.corpus.outward import Outward  # noqa: PLC0415 - as above
    from pytest_codeneedle.server.model import Model  # noqa: PLC0415 - as above
    from pytest_codeneedle.server.process import launched  # noqa: PLC0415 - as above
    from pytest_codeneedle.server.program import ServerArgs, find_program  # noqa: PLC0415 - as above

    model = Model(given, chosen=True)
    model.check(Path.cwd())
    file = model.file(Path.cwd(), cache_folder())
    args = ServerArgs(find_program(None), file, KVPair("f16", "f16"), 512, model.threads(cores()))
    try:
        with passing_folder() as folder, launched(args, folder / "tokenize.log") as server:
            return corpus.trimmed(server.client.count_tokens, on_stderr("codeneedle"))
    except CellError as error:
        hidden = [corpus] if corpus.private else []
        msg = f"the server that counts tokens did not come up: {Outward(hidden)(str(error))}"
        raise ConfigurationError(msg) from error
