"""`codeneedle ...`: the same work without pytest, and without a server."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.errors import CodeneedleError, ConfigurationError, CorpusError

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 0, or 2 with one line on standard error where it cannot be done."""
    flags = _parser().parse_args(argv)
    try:
        flags.run(flags)
    except (KeyError, TypeError, AttributeError) as error:
        folder = getattr(flags, "run_folder", None)
        if folder is None:
            raise
        print(f"codeneedle: {folder} is damaged: {type(error).__name__}: {error}", file=sys.stderr)
        return 2
    except CodeneedleError as error:
        print(f"codeneedle: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # `codeneedle functions ... | head`
        sys.stderr.close()
        return 0
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="codeneedle",
        description="What a quantized KV cache costs in recall: runs, corpora and the control model.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    functions = commands.add_parser("functions", help="list the functions of a corpus that would be asked for")
    functions.add_argument("corpus", metavar="CORPUS")
    functions.add_argument("--all", action="store_true", help="every long enough function, not the sample")
    functions.add_argument("--json", action="store_true", help="as JSON")
    functions.add_argument("--show", metavar="FUNCTION", help="print the lines that one function is asked for")
    functions.add_argument("-k", type=_one_or_more, help="sample size; default: the corpus file's")
    functions.add_argument("--seed", type=int, help="seed of the sample; default: the corpus file's")
    functions.add_argument("--lines", type=_one_or_more, default=20, help="lines to ask for (20)")
    functions.set_defaults(run=_functions)

    generate = commands.add_parser("generate", help="write a synthetic corpus")
    kinds = generate.add_subparsers(required=True, metavar="KIND")
    bodies = kinds.add_parser("random-bodies", help='functions of `identifier = "literal"` lines')
    bodies.add_argument("--functions", type=int, default=200, help="number of functions (200)")
    bodies.add_argument("--value-len", type=int, default=24, help="characters of a literal (24)")
    bodies.add_argument("--seed", type=int, default=42, help="(42)")
    bodies.add_argument("--body-lines", type=int, default=24, help="lines of a body (24)")
    bodies.add_argument("-o", "--output", type=Path, metavar="FILE", help="default: standard output")
    bodies.set_defaults(run=_generate)

    grid = commands.add_parser("grid", help="print the grids of a stored run, complete or partial")
    grid.add_argument("run_folder", metavar="RUN", type=Path)
    grid.set_defaults(run=_grid)

    rescore = commands.add_parser("rescore", help="score a stored run's answers anew, without a server")
    rescore.add_argument("run_folder", metavar="RUN", type=Path)
    indent = rescore.add_mutually_exclusive_group()
    indent.add_argument("--relax-indent", action="store_true", default=None, help="ignore indentation")
    indent.add_argument("--strict-indent", action="store_false", dest="relax_indent", help="compare indentation too")
    rescore.add_argument("--pass", type=_one_or_more, dest="threshold", metavar="N", help="lines that must match")
    rescore.add_argument("-o", "--output", type=Path, metavar="FILE", help="write the new rows as JSON lines")
    rescore.set_defaults(run=_rescore)

    model = commands.add_parser("model", help="write a computed control model as GGUF")
    model.add_argument("name", metavar="control:robust")
    model.add_argument("-o", "--output", type=Path, required=True, metavar="FILE")
    model.set_defaults(run=_model)
    return parser


def _one_or_more(text: str) -> int:
    number = int(text)
    if number < 1:
        msg = f"{number} is out of range; give 1 or more"
        raise argparse.ArgumentTypeError(msg)
    return number


def _functions(flags: argparse.Namespace) -> None:
    from pytest_codeneedle.corpus import load_corpus  # noqa: PLC0415 - each command pays for its own imports

    corpus = load_corpus(flags.corpus, _project_root(), min_lines=flags.lines)
    if flags.show is not None:
        chosen = next((f for f in corpus.functions if f.name == flags.show), None)
        if chosen is None:
            msg = f"corpus {corpus.name!r} has no function {flags.show!r} of {flags.lines} lines; see --all"
            raise CorpusError(msg)
        print("\n".join(chosen.primary(flags.lines)))
        return
    listed = corpus.functions if flags.all else corpus.sample(flags.k, flags.seed)
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
        print(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    width = max(len(function.name) for function in listed)
    for function in listed:
        print(
            f"{function.name:<{width}}  line {function.start_line:>6}  {len(function.body):>4} lines  {function.source}"
        )
    print(f"{len(listed)} of {len(corpus.functions)} functions; sha256 {corpus.sha256}")


def _project_root() -> Path:
    """The nearest folder with `corpora/` in it, from here upwards; here where there is none."""
    here = Path.cwd()
    return next((folder for folder in (here, *here.parents) if (folder / "corpora").is_dir()), here)


def _generate(flags: argparse.Namespace) -> None:
    from pytest_codeneedle.generate import RandomBodies  # noqa: PLC0415 - as above

    text = RandomBodies(flags.functions, flags.value_len, flags.seed, flags.body_lines).text()
    if flags.output is None:
        sys.stdout.write(text)
        return
    _write(flags.output, text)
    print(f"{flags.output}: {len(text)} bytes")


def _grid(flags: argparse.Namespace) -> None:
    from pytest_codeneedle.store import RunFolder  # noqa: PLC0415 - as above

    folder = RunFolder.open(flags.run_folder)
    _print_grid(folder.about(), folder.rows())


def _rescore(flags: argparse.Namespace) -> None:
    from pytest_codeneedle.rescore import rescored  # noqa: PLC0415 - as above
    from pytest_codeneedle.store import RESULTS, RunFolder  # noqa: PLC0415 - as above

    folder = RunFolder.open(flags.run_folder)
    about, rows = folder.about(), folder.rows()
    relax = about["relax_indent"] if flags.relax_indent is None else flags.relax_indent
    threshold = about["pass"] if flags.threshold is None else flags.threshold
    anew = rescored(about, rows, relax_indent=relax, threshold=threshold)
    changed = sum(old != new for old, new in zip(rows, anew, strict=True))
    if flags.output is not None:
        if flags.output.resolve() == (folder.path / RESULTS).resolve():
            msg = f"{flags.output} is the record itself; give another -o FILE"
            raise ConfigurationError(msg)
        _write(flags.output, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in anew))
    _print_grid(about, anew)
    indent = "ignored" if relax else "compared"
    print(f"rescored: {changed} of {len(rows)} rows differ from the record (indentation {indent}, pass {threshold})")


def _model(flags: argparse.Namespace) -> None:
    from pytest_codeneedle.models import CONTROL  # noqa: PLC0415 - as above
    from pytest_codeneedle.reference_model import Control  # noqa: PLC0415 - as above

    Control(flags.name.removeprefix(CONTROL)).write(flags.output)
    print(f"{flags.output}: {flags.output.stat().st_size} bytes")


def _print_grid(about: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    from pytest_codeneedle.grid import make_grid, render  # noqa: PLC0415 - as above
    from pytest_codeneedle.kvtypes import parse_pair  # noqa: PLC0415 - as above

    grid = make_grid(rows, [parse_pair(pair) for pair in about["pairs"]])
    lines = render(
        grid, lines=about["lines"], functions=len(about["functions"]), reference=parse_pair(about["reference"])
    )
    print(f"{about['corpus']}, {about['model_name']}, {about['started']}")
    print("\n".join(lines))


def _write(path: Path, text: str) -> None:
    try:
        path.write_bytes(text.encode())
    except OSError as error:
        msg = f"{path} cannot be written: {error.strerror}; give another -o FILE"
        raise ConfigurationError(msg) from error


if __name__ == "__main__":
    sys.exit(main())
