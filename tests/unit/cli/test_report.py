"""`codeneedle report`: from a run folder to a page, as a person runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from stored_runs import about, row

from pytest_codeneedle.cli import main
from pytest_codeneedle.runs.folder import RunFolder

if TYPE_CHECKING:
    from pathlib import Path

Captured = pytest.CaptureFixture[str]

ASKED = [f"asked_{at} = {at}" for at in range(20)]
#: A line of the same code base that nobody asked for.
OTHER = "secret_key = 4242"


def stored(folder: Path, *, private: bool = False) -> Path:
    """A run of two cells and six functions; one answer of the second lost its lines."""
    functions = [{"name": f"f{at}", "primary": ASKED, "bonus": []} for at in range(6)]
    pairs = ["bf16/bf16", "q4_0/q4_0"]
    facts = {
        "functions": functions,
        "asked": [one["name"] for one in functions],
        "pairs": pairs,
        "started": "2026-01-01",
    }
    run = RunFolder.create(folder, about(private=private, **facts))
    for pair in pairs:
        for at in range(6):
            lost = (pair, at) == ("q4_0/q4_0", 0)
            answer = "\n".join([*ASKED[:2], OTHER] if lost else ASKED)
            run.append(row(pair, f"f{at}", 2 if lost else 20, response=answer, hallucinated=int(lost), depth=at / 6))
    return folder


def refused(capsys: Captured, *arguments: object) -> str:
    """The one line of a report that cannot be made."""
    assert 2 == main(["report", *map(str, arguments)])
    (message,) = capsys.readouterr().err.splitlines()
    return message


def test_a_run_becomes_a_page(tmp_path: Path, capsys: Captured) -> None:
    """Where it is, is said, and the verdict; it is written again over a page of ours, several runs into one page."""
    run, output = stored(tmp_path / "run"), tmp_path / "deep" / "page"
    command = ["report", str(run), "-o", str(output)]

    assert 0 == main(command)
    assert [f"report: {output / 'index.html'}", "tiny, model: INCONCLUSIVE"] == capsys.readouterr().out.splitlines()
    page = (output / "index.html").read_text(encoding="utf-8")
    assert "<title>KV-cache recall: tiny, model</title>" in page
    assert OTHER in page
    assert "asked_19" in page
    assert 0 == main([*command[:2], str(stored(tmp_path / "other")), *command[2:]])
    assert 3 == len(capsys.readouterr().out.splitlines())
    assert 2 == (output / "index.html").read_text(encoding="utf-8").count('class="cn-run"')


def test_a_folder_without_a_name_is_refused(tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that was not set is not the folder one is in."""
    run = stored(tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["report", str(run), "-o", ""])
    assert 2 == ended.value.code
    assert "argument -o/--output: it is empty; name a folder" in capsys.readouterr().err
    assert not (tmp_path / "index.html").exists()


def test_what_was_redacted_stays_so(tmp_path: Path, capsys: Captured) -> None:
    """Whatever is asked for now; it is said, and a failure says why it shows nothing."""
    run, output = stored(tmp_path / "run"), tmp_path / "page"
    folder = RunFolder.open(run)
    folder.write_about({**folder.about(), "redact": True})
    assert 0 == main(["report", str(run), "-o", str(output), "--embed-source"])
    told = f"report: {run} was made with --kv-redact and stays so: no lines are shown"
    assert told == capsys.readouterr().out.splitlines()[1]
    page = (output / "index.html").read_text(encoding="utf-8")
    assert "lines are not shown: --kv-redact" in page
    assert ASKED[0] not in page
    main(["report", str(stored(tmp_path / "open")), "-o", str(output), "--redact"])
    assert "lines are not shown: --redact" in (output / "index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("option", "seen"), [(None, (True, False)), ("--redact", (False, False)), ("--embed-source", (True, True))]
)
def test_private_code(tmp_path: Path, capsys: Captured, option: str | None, seen: tuple[bool, bool]) -> None:
    """Lines asked for, and no others, unless the user says so; nobody else can read the page, nor what it replaces."""
    output = tmp_path / "page"
    output.mkdir()
    main(["report", str(stored(tmp_path / "public")), "-o", str(output)])
    arguments = [str(stored(tmp_path / "run", private=True)), "-o", str(output)]

    assert 0 == main(["report", *arguments, *([option] if option else [])])
    page = output / "index.html"
    assert seen == tuple(line in page.read_text(encoding="utf-8") for line in (ASKED[-1], OTHER))
    assert 0o600 == page.stat().st_mode & 0o777
    assert 0 == main(["report", *arguments[:2], str(tmp_path / "new")])
    assert 0o700 == (tmp_path / "new").stat().st_mode & 0o777


def test_a_page_of_others_is_left_alone(tmp_path: Path, capsys: Captured) -> None:
    """So is a folder that cannot be one, and a run that is none: one line says what to do."""
    run = stored(tmp_path / "run")
    (tmp_path / "index.html").write_text("<title>my site</title>", encoding="utf-8")

    message = refused(capsys, run, "-o", tmp_path)
    assert (
        f"codeneedle: {tmp_path}/index.html is not a page of codeneedle's, and is left as it is; give another -o DIR"
        == message
    )
    assert "<title>my site</title>" == (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "give another -o" in refused(capsys, run, "-o", run / "run.json")
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive" / "SHA256SUMS").touch()
    assert "belongs to an archive" in refused(capsys, run, "-o", tmp_path / "archive")
    assert "is not a run folder" in refused(capsys, tmp_path, "-o", tmp_path / "page")
