"""Files that are named by others: what is no regular file is one clear error and never waited for."""

from __future__ import annotations

import os
import re
import socket
import threading
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from stored_runs import run_folder

from pytest_codeneedle.cli.report import refuse_foreign
from pytest_codeneedle.core import regular_files
from pytest_codeneedle.core.errors import CodeneedleError
from pytest_codeneedle.core.regular_files import (
    open_regular,
    read_bytes,
    read_ends,
    read_given,
    read_text,
    regular_opener,
)
from pytest_codeneedle.corpus.corpus import load_corpus
from pytest_codeneedle.plugin.remote_logs import packed
from pytest_codeneedle.report.archive.archive import KEPT, Archive
from pytest_codeneedle.report.archive.entry import PAGE, SUMMARY
from pytest_codeneedle.runs.baseline_file import is_baseline, named_devices, read_run
from pytest_codeneedle.runs.folder import RESULTS, RUN, SERVERS, RunFolder
from pytest_codeneedle.runs.foreign_results import read_dump
from pytest_codeneedle.runs.lock import LOCK, FolderLock, holder
from pytest_codeneedle.server.http.api_key import read_api_key
from pytest_codeneedle.server.model import Model
from pytest_codeneedle.server.model_profile import read_profile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CELLS = {"bf16/bf16": [20, 20], "q4_0/q4_0": [12, 3]}
NO_FILE = r"it is a (pipe \(FIFO\)|socket|device), and only regular files are opened"


@pytest.fixture(params=["pipe", "socket", "device"])
def put(request: pytest.FixtureRequest) -> Iterator[Callable[[Path], Path]]:
    """Puts something in the place of a file that is none; nothing ever comes out of it, or something for ever."""
    sockets = []

    def make(path: Path) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        if request.param == "pipe":
            os.mkfifo(path)
        elif request.param == "device":
            path.symlink_to("/dev/zero")
        else:
            sockets.append(socket.socket(socket.AF_UNIX))
            here = Path.cwd()
            os.chdir(path.parent)  # a socket's path is short
            sockets[-1].bind(path.name)
            os.chdir(here)
        return path

    yield make
    for one in sockets:
        one.close()


def test_what_is_no_file_is_not_opened(tmp_path: Path, put: Callable[[Path], Path]) -> None:
    """Not to be read, not to be read at its ends, not to be written."""
    path = put(tmp_path / "x")
    for use in (open_regular, read_bytes, read_text, read_ends):
        with pytest.raises(OSError, match=NO_FILE):
            use(path)
    for mode in ("a", "w", "r+"):
        with pytest.raises(OSError, match=NO_FILE):
            open(path, mode, encoding="utf-8", opener=regular_opener())  # noqa: SIM115 - it raises


#: What opens a file that a user or a folder names, and where it lies.
NAMED: dict[str, tuple[str, Callable[[Path], object]]] = {
    "run.json": (f"run/{RUN}", lambda root: RunFolder.open(root / "run")),
    "results": (f"run/{RESULTS}", lambda root: RunFolder(root / "run").rows()),
    "results to repair": (f"run/{RESULTS}", lambda root: RunFolder(root / "run").repair()),
    "results to extend": (f"run/{RESULTS}", lambda root: RunFolder(root / "run").extend([{}])),
    "run.json to write": (f"run/.{RUN}.part", lambda root: RunFolder(root / "run").write_about({})),
    "lock": (f"run/{LOCK}", lambda root: FolderLock(root / "run").take()),
    "baseline": ("base.json", lambda root: read_run(root / "base.json")),
    "baseline to replace": ("base.json", lambda root: is_baseline(root / "base.json")),
    "run as baseline": (f"run/{RESULTS}", lambda root: read_run(root / "run")),
    "profile": ("models/m.toml", lambda root: read_profile(root / "models" / "m.toml")),
    "corpus": ("corpora/c.toml", lambda root: load_corpus("c", root)),
    "source": ("src/b.py", lambda root: load_corpus("c", root, min_lines=1)),
    "model": ("m.gguf", lambda root: Model("m.gguf").check(root)),
    "harness": ("dump.json", lambda root: read_dump(root / "dump.json")),
    "page": ("out/index.html", lambda root: refuse_foreign(root / "out" / "index.html")),
    "archive's page": (f"archive/{PAGE}", lambda root: Archive(root / "archive").add([root / "run"])),
}


@pytest.mark.parametrize("name", NAMED)
def test_each_names_the_thing(tmp_path: Path, put: Callable[[Path], Path], name: str) -> None:
    """One clear error with the path and what lies there."""
    run_folder(tmp_path / "run", CELLS)
    place, use = NAMED[name]
    for path, text in (("src/a.py", "def f():\n    pass\n"), ("corpora/c.toml", '[files]\nglob = "src/*.py"\n')):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    put(tmp_path / place)

    with pytest.raises(CodeneedleError, match=NO_FILE) as caught:
        use(tmp_path)
    assert Path(place).parts[0] in str(caught.value)


def test_an_answer_is_not_written_into_a_pipe(tmp_path: Path, put: Callable[[Path], Path]) -> None:
    """The session hears of it as of a full disk."""
    folder = RunFolder(run_folder(tmp_path / "run", CELLS))
    put(folder.path / RESULTS)
    with pytest.raises(OSError, match=NO_FILE):
        folder.append({})


def test_a_kept_run_is_checked_without_waiting(tmp_path: Path, put: Callable[[Path], Path]) -> None:
    """What took the place of a kept file is a fault of the archive."""
    archive = Archive(tmp_path / "archive")
    (added,) = archive.add([run_folder(tmp_path / "run", CELLS)])
    put(tmp_path / "archive" / KEPT / added.summary["id"] / SUMMARY)

    assert [f"{KEPT}/{added.summary['id']}/{SUMMARY}: not a plain file"] == archive.check()


def test_what_is_a_help_and_no_more_is_done_without(tmp_path: Path, put: Callable[[Path], Path]) -> None:
    """Who holds a folder, which device a log names: nobody, and none."""
    run = run_folder(tmp_path / "run", CELLS)
    put(run / LOCK)
    put(run / SERVERS / "a.log")

    assert holder(run) is None
    assert () == named_devices(run)


@pytest.mark.parametrize("links", [1, 3])
def test_links_to_files_are_files(tmp_path: Path, links: int) -> None:
    """As they always were."""
    (tmp_path / "0").write_text("text", encoding="utf-8")
    for number in range(links):
        (tmp_path / str(number + 1)).symlink_to(tmp_path / str(number))

    assert "text" == read_text(tmp_path / str(links)) == read_ends(tmp_path / str(links))
    with open(tmp_path / str(links), "a", encoding="utf-8", opener=regular_opener()) as opened:
        opened.write("!")
    assert b"text!" == read_bytes(tmp_path / "0")


def test_a_folder_is_named_by_the_system(tmp_path: Path) -> None:
    """In its own words."""
    with pytest.raises(IsADirectoryError, match=r"Is a directory"):
        read_bytes(tmp_path)


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    """A sparse file of 100 GiB takes no memory, and no time."""
    with (tmp_path / RESULTS).open("wb") as opened:
        opened.truncate(100 * 2**30)
    (tmp_path / RUN).touch()
    with pytest.raises(CodeneedleError, match=r"it has 102400 MiB, and no more than 2048 MiB are read"):
        RunFolder(tmp_path).rows()

    (tmp_path / "corpora").mkdir()
    (tmp_path / RESULTS).rename(tmp_path / "corpora" / "c.toml")
    with pytest.raises(CodeneedleError, match=r"c\.toml.*it has 102400 MiB, and no more than 1 MiB are read"):
        load_corpus("c", tmp_path)


@given(st.binary(max_size=60), st.integers(1, 40))
@example(b"a\r\nb\rc\n", 40)
def test_the_ends_of_a_file(content: bytes, each: int) -> None:
    """Nothing is left out of a short one; of a long one the middle is, and how much is said."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "log"
        path.write_bytes(content)
        text = read_ends(path, each)

    left_out = len(content) - 2 * each
    if left_out <= 0:
        assert content.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n") == text
    else:
        assert f"\n[{left_out} bytes are left out here]\n" in text
        raw = re.sub(rb"\r\n?", b"\n", content[:each]).decode("utf-8", "replace")
        assert text.startswith(raw)


def test_a_log_of_many_gib_is_read_in_a_moment(tmp_path: Path) -> None:
    """Wherever it is looked at: it is sparse, and would not fit the memory."""
    log = tmp_path / SERVERS / "a.log"
    log.parent.mkdir()
    with log.open("wb") as opened:
        opened.write(b"using device CUDA0 (NVIDIA H100) (0000:8d:00.0) - 1 MiB free\n")
        opened.truncate(50 * 2**30)

    assert len(packed({"c": tmp_path})["c"]["a.log"]) < 10 * 2**20
    assert ("NVIDIA H100",) == named_devices(tmp_path)


def test_what_a_user_hands_over_may_be_a_pipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--kv-api-key-file <(pass show key)`; one that nobody writes to is not waited for."""
    pipe = tmp_path / "key"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(b"sk-123\n"))
    writer.start()
    key = read_api_key(variable=None, file=pipe)
    writer.join()
    assert key is not None
    assert {"Authorization": "Bearer sk-123"} == key.header()

    monkeypatch.setattr(regular_files, "PIPE_SECONDS", 0.1)
    with pytest.raises(OSError, match=r"it is a pipe \(FIFO\) that was not at its end after 0 s"):
        read_given(pipe, 10)
    with pytest.raises(CodeneedleError, match=r"the key file /dev/zero cannot be read: it is a device"):
        read_api_key(variable=None, file=Path("/dev/zero"))
