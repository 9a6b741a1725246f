"""`codeneedle report` and `heatmap`: stored runs as a page and as a picture, without pytest and without a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_codeneedle.cli.corpus import write_text
from pytest_codeneedle.core.errors import DAMAGED, ConfigurationError, RunFolderError, damage
from pytest_codeneedle.core.output import say
from pytest_codeneedle.core.regular_files import read_text
from pytest_codeneedle.core.whole_file import write_whole
from pytest_codeneedle.report.heat.picture import FORMATS, panels, picture
from pytest_codeneedle.runs.folder import RunFolder

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from pytest_codeneedle.report.page.model import Section

INDEX = "index.html"
_PRIVATE_FOLDER = 0o700


def report(flags: argparse.Namespace) -> None:
    """Write the page of one or more runs into a folder.

    Raises ConfigurationError where another page is there, or nothing can be written.
    """
    from pytest_codeneedle.report.page.render import run_page  # noqa: PLC0415 - as above
    from pytest_codeneedle.report.page.sections import page_title  # noqa: PLC0415 - each command pays for its own imports

    target = flags.output / INDEX
    refuse_foreign(target)
    _refuse_kept(flags.output)
    folders = [RunFolder.open(path) for path in flags.run_folders]
    sections = [stored_section(one, redact=flags.redact, embed_source=flags.embed_source) for one in folders]
    title = page_title((one.corpus for one in sections), (one.model for one in sections))
    html = run_page(sections, title=title, all_diffs=flags.all_diffs)
    private = any(one.private for one in folders)
    _make(flags.output, private=private)
    write_text(target, html, private=private)
    say(f"report: {target}")
    for folder in folders if flags.embed_source else ():
        if folder.about().get("redact"):
            say(f"report: {folder.path} was made with --kv-redact and stays so: no lines are shown")
    for section in sections:
        say(*said(section))


def stored_section(folder: RunFolder, *, redact: bool = False, embed_source: bool = False) -> Section:
    """What a page shows of a stored run, complete or partial; the two flags as the run had them, or stricter, or wider.

    `redact` shows no code, `embed_source` of private code also what was not asked for.
    """
    from pytest_codeneedle.report.page.sections import hidden_of, section  # noqa: PLC0415 - as above
    from pytest_codeneedle.report.text.run import run_verdicts  # noqa: PLC0415 - as above
    from pytest_codeneedle.runs.design import Frame  # noqa: PLC0415 - as above

    about, rows, lost = folder.recorded()
    about = {
        **about,
        "redact": about.get("redact") or redact,
        "redacted_by": "--kv-redact" if about.get("redact") else "--redact",
        "embed_source": about.get("embed_source") or embed_source,
    }
    frame = Frame.of(about)
    return section(
        about, rows, frame, run_verdicts(rows, frame), hidden=hidden_of(about), cautions=[lost] if lost else []
    )


def said(section: Section) -> list[str]:
    """The verdict word of each grid, as the page has it."""
    from pytest_codeneedle.core.text import printable  # noqa: PLC0415 - as above

    named = printable(f"{section.corpus}, {section.model}")
    return [f"{named}{f', {part.title}' if part.title else ''}: {part.word or 'no verdict'}" for part in section.parts]


def refuse_foreign(page: Path) -> None:
    """Raise ConfigurationError where a file is in the way that was not written here."""
    from pytest_codeneedle.report.page.render import is_archive, is_ours  # noqa: PLC0415 - as above

    try:
        text = read_text(page, errors="replace") if page.exists() else None
    except OSError as error:
        msg = f"{page} cannot be read: {error.strerror}; give another -o DIR"
        raise ConfigurationError(msg) from error
    if text is None:
        return
    if is_archive(text):
        msg = f"{page} is the index of an archive (`codeneedle archive add`); give another -o DIR"
        raise ConfigurationError(msg)
    if not is_ours(text):
        msg = f"{page} is not a page of codeneedle's, and is left as it is; give another -o DIR"
        raise ConfigurationError(msg)


def _refuse_kept(folder: Path) -> None:
    """An archive's pages have hashes."""
    from pytest_codeneedle.report.archive.entry import SUMS  # noqa: PLC0415 - as above

    if (folder / SUMS).exists():
        msg = f"{folder} belongs to an archive, whose pages `codeneedle archive` writes; give another -o DIR"
        raise ConfigurationError(msg)


def _make(folder: Path, *, private: bool) -> None:
    try:
        folder.mkdir(mode=_PRIVATE_FOLDER if private else 0o777, parents=True, exist_ok=True)
    except OSError as error:
        msg = f"{folder} cannot be written: {error.strerror}; give another -o DIR"
        raise ConfigurationError(msg) from error


def heatmap(flags: argparse.Namespace) -> None:
    """Draw a panel for each grid of these runs; the folders are named where two would have one title."""
    form = flags.output.suffix.removeprefix(".").lower()
    if form not in FORMATS:
        msg = f"{flags.output}: the suffix says what is written, {' or '.join(FORMATS)}; try {flags.output.stem}.png"
        raise ConfigurationError(msg)
    folders = [RunFolder.open(path) for path in flags.run_folders]
    abouts = [folder.about() for folder in folders]
    titles = [(str(about.get("corpus")), str(about.get("model_name"))) for about in abouts]
    drawn = []
    for folder, about, title in zip(folders, abouts, titles, strict=True):
        try:
            name = folder.path.resolve().name if titles.count(title) > 1 else ""
            drawn += panels(name, about, folder.current_rows(), flags.of)
        except DAMAGED as error:
            msg = f"{folder.path} is damaged: {damage(error)}; bring it back from a copy, or leave it out"
            raise RunFolderError(msg) from error
    written = picture(drawn, form)
    try:
        write_whole(flags.output, written)
    except OSError as error:
        msg = f"{flags.output} cannot be written: {error.strerror}; give another -o FILE"
        raise ConfigurationError(msg) from error
    say(f"heatmap: {flags.output}")
