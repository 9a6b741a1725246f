"""Every command of README.md and of the tutorial runs as it stands there, word for word, in the order of its page."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_codeneedle.core.machine import cache_folder

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", *sorted(f"docs/tutorial/{page.name}" for page in (ROOT / "docs/tutorial").glob("*.md")))
PATIENCE_SECONDS = 600
BLOCK = re.compile(r"^```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?P<place>[^)#:]+)(#[^)]*)?\)")

#: What is not run as it stands, and what runs instead; without anything the line is not run here.
INSTEAD = {
    # This environment has the package, and tests install nothing. The grid of 36 cells on the embedded server is
    # test_main_job.py's.
    "pip install '.[embedded]' && pytest --kv-grid": "pytest --kv-grid",
    # These are the tests: `.ci/run` runs the line word for word.
    "pip install '.[test]' && pytest": "",
}


def blocks(page: str, kind: str) -> list[str]:
    """Give the fenced blocks of one kind, such as `sh`, in their order."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return [block["text"] for block in BLOCK.finditer(text) if block["kind"] == kind]


def commands(page: str) -> list[str]:
    """Give the command lines of a page without their comments; a line that ends with a backslash goes on."""
    lines = "".join(blocks(page, "sh")).replace("\\\n", " ").splitlines()
    return [command for line in lines if (command := line.partition(" #")[0].strip())]


def documentation() -> list[str]:
    """Give the text of README and of each page of docs/."""
    return [page.read_text(encoding="utf-8") for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Give a person's folder: a repository with code, a model at home, and a llama-server that recites at once.

    A real one would take minutes for each command: what is tested is that the words are right.
    """
    folder = tmp_path / "project"
    (folder / "src").mkdir(parents=True)
    for number in range(16):
        lines = "".join(f"    $step{line} = work({number}, {line});\n" for line in range(24))
        code = f"<?php\nfunction task_{number}($it) {{\n{lines}    return $it;\n}}\n"
        (folder / "src" / f"task_{number}.php").write_text(code, encoding="utf-8")
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)

    source = (ROOT / "tests/integration/reciting.py").read_text(encoding="utf-8")
    server = tmp_path / "bin" / "llama-server"
    server.parent.mkdir()
    server.write_text(f"#!{sys.executable}\n{source}", encoding="utf-8")
    server.chmod(0o755)

    model = tmp_path / "home" / "models" / "qwen3-8b.gguf"
    model.parent.mkdir(parents=True)
    program = Path(sys.executable).with_name("codeneedle")
    subprocess.run([program, "model", "control:robust", "-o", model], capture_output=True, check=True)
    return folder


def run(command: str, project: Path) -> str:
    """Run a line of a page as a person's shell does; what it said where its exit status is not 0, else nothing.

    A grid of no pairs of its own has three: 36 take a minute even of a server that recites.
    """
    path = [project.parent / "bin", Path(sys.executable).parent, os.environ["PATH"]]
    environment = {
        **{name: value for name, value in os.environ.items() if name not in ("CODENEEDLE_MODEL", "PYTEST_PLUGINS")},
        "HOME": str(project.parent / "home"),
        "PATH": os.pathsep.join(map(str, path)),
        "PYTEST_ADDOPTS": "-p no:hypothesispytest --kv-pairs=bf16/bf16,q8_0/q8_0,q4_0/q4_0",
        "XDG_CACHE_HOME": str(cache_folder().parent),
    }
    done = subprocess.run(
        ["bash", "-euc", command],
        cwd=project,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    return f"$ {command}\n{done.stdout}exit status {done.returncode}" if done.returncode else ""


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if commands(page)])
def test_commands_run(page: str, project: Path) -> None:
    """Each line of a page ends with 0; the corpus that a page writes down is written as it stands there."""
    for corpus in blocks(page, "toml")[:1]:
        (project / "corpora").mkdir()
        (project / "corpora" / "mine.toml").write_text(corpus, encoding="utf-8")

    for line in commands(page):
        command = INSTEAD.get(line, line)
        failure = run(command, project)
        assert failure == "", failure


def test_options_are_there() -> None:
    """Each `--kv-...` that README or docs/ names is an option of pytest."""
    named = {option for text in documentation() for option in re.findall(r"--kv-[a-z-]+[a-z]", text)}
    help_text = subprocess.run(
        [sys.executable, "-m", "pytest", "--help"], capture_output=True, text=True, check=True
    ).stdout
    assert named - set(re.findall(r"--kv-[a-z-]+[a-z]", help_text)) == set()


def test_subcommands_are_there() -> None:
    """Each `codeneedle ...` that README or docs/ names in code is a command of it."""
    named = {
        command
        for text in documentation()
        for command in re.findall(r"(?:^|`|&& )codeneedle ([a-z]+)", text, re.MULTILINE)
    }
    program = Path(sys.executable).with_name("codeneedle")
    help_text = subprocess.run([program, "--help"], capture_output=True, text=True, check=True).stdout
    assert named - set(re.findall(r"^    ([a-z]+)", help_text, re.MULTILINE)) == set()


def test_table_is_of_lines_that_are_there() -> None:
    """No line of the table is left over from a page that has changed."""
    assert INSTEAD.keys() <= {line for page in PAGES for line in commands(page)}


def test_readme_is_short() -> None:
    """README is read in one go: the rest is in docs/."""
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


def test_readme_leads_to_files() -> None:
    """Each relative link of README names a file; those of docs/ are checked where the site is built."""
    places = [link["place"] for link in LINK.finditer((ROOT / "README.md").read_text(encoding="utf-8"))]
    assert places
    assert [place for place in places if not (ROOT / place).exists()] == []
