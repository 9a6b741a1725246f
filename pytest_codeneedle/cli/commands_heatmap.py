"""`codeneedle heatmap`: stored runs as a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_codeneedle.core.errors import DAMAGED, ConfigurationError, RunFolderError, damage
from pytest_codeneedle.core.output import say
from pytest_codeneedle.core.whole_file import write_whole
from pytest_codeneedle.report.heat.picture import FORMATS, panels, picture
from pytest_codeneedle.runs.folder import RunFolder

if TYPE_CHECKING:
    import argparse


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
