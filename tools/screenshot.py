"""The README's picture of a report: `python tools/screenshot.py RUN -o docs/report.png`.

Writes the page of a stored run (`codeneedle report`), opens it in a Chromium (`CODENEEDLE_CHROMIUM`, else on PATH) and
keeps its beginning, light and 1280 pixels wide, in 256 colours. Needs `pip install '.[browser,plot]'`. The run of the
picture in docs/ is

    pytest --kv-grid --kv-model control:fragile-k --kv-out RUN
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from pytest_codeneedle.cli import main as codeneedle

_WIDTH, _HEIGHT = 1280, 930
_MOST_BYTES = 200_000


def main() -> None:
    """Write the picture; exits with a message where that cannot be done."""
    flags = _parser().parse_args()
    chromium = os.environ.get("CODENEEDLE_CHROMIUM") or shutil.which("chromium")
    if chromium is None:
        sys.exit("no chromium on PATH: apt-get install chromium, or name it by CODENEEDLE_CHROMIUM")
    with tempfile.TemporaryDirectory() as folder:
        status = codeneedle(["report", str(flags.run), "-o", folder])
        if status:
            sys.exit(status)
        shown = _photograph(Path(folder) / "index.html", chromium, flags.height)
    flags.output.write_bytes(shown)
    print(f"screenshot: {flags.output}, {len(shown)} bytes")
    if len(shown) > _MOST_BYTES:
        sys.exit(f"that is more than {_MOST_BYTES} bytes; take less of the page (--height)")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("run", metavar="RUN", type=Path, help="folder of a stored run")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="NAME.png")
    parser.add_argument("--height", type=int, default=_HEIGHT, help=f"pixels of the page ({_HEIGHT})")
    return parser


def _photograph(page: Path, chromium: str, height: int) -> bytes:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        opened = browser.new_page(viewport={"width": _WIDTH, "height": height}, color_scheme="light")
        opened.goto(page.resolve().as_uri())
        whole = opened.screenshot()
        browser.close()
    small = BytesIO()
    Image.open(BytesIO(whole)).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
    return small.getvalue()


if __name__ == "__main__":
    main()
