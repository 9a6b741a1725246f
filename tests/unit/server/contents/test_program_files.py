"""What a server is made of: programs, libraries beside them, scripts and what those start."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_codeneedle.server.contents.program_files import loaded_files, package_files, program_files
from pytest_codeneedle.server.leftovers import Traces


def program(path: Path, text: str | bytes = b"\x7fELF") -> Path:
    """An executable file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(0o755)
    return path


def test_a_program_and_its_libraries(tmp_path: Path) -> None:
    """All beside it, and by their names those in the folders where an installation has them; links are followed."""
    server = program(tmp_path / "build" / "bin" / "llama-server")
    for name in ("bin/libggml-cpu.so", "bin/libgomp.so.1", "lib/libllama.so.0.1", "lib/libother.so", "bin/README"):
        program(tmp_path / "build" / name)
    (tmp_path / "build" / "lib" / "libllama.so").symlink_to("libllama.so.0.1")
    link = tmp_path / "llama-server"
    link.symlink_to(server)
    found = program_files([str(link)], {})

    libraries = ["libggml-cpu.so", "libgomp.so.1", "libllama.so"]
    assert ["server llama-server", *(f"server library {name}" for name in libraries)] == list(found)
    assert server == found["server llama-server"]


def test_libraries_that_the_loader_is_told_of(tmp_path: Path) -> None:
    """LD_LIBRARY_PATH goes before all else."""
    program(tmp_path / "other" / "libggml-cuda.so")
    server = program(tmp_path / "bin" / "llama-server")

    assert "server library libggml-cuda.so" in program_files(
        [str(server)], {"LD_LIBRARY_PATH": str(tmp_path / "other")}
    )


def test_a_script_and_what_it_starts(tmp_path: Path) -> None:
    """Its text, the server it names, and the files that it gives to it; not what it writes."""
    server = program(tmp_path / "bin" / "llama-server")
    for name in ("t.jinja", "server.log", "keys"):
        (tmp_path / name).touch()
    script = program(
        tmp_path / "serve",
        f"#!/bin/sh\nexec '{server}' \"$@\" --chat-template-file {tmp_path}/t.jinja --api-key-file {tmp_path}/keys"
        f" 2>>{tmp_path}/server.log | tee -a {tmp_path}/server.log\n",
    )
    outer = program(tmp_path / "outer.sh", f"#!/usr/bin/env bash\n{script} $*\n")

    labels = ["server outer.sh", "server serve", "server llama-server", "--chat-template-file t.jinja"]
    assert labels == list(program_files(["bash", str(outer)], {}))


def test_a_script_that_starts_itself(tmp_path: Path) -> None:
    """It is found once."""
    script = tmp_path / "again"
    program(script, f"#!/bin/sh\nexec {script}\n")

    assert ["server again"] == list(program_files([str(script)], {}))


def test_programs_of_the_system_only_start_others(tmp_path: Path) -> None:
    """A new `env` or Python is no other server; files that a wrapper writes are none of its programs."""
    server = program(tmp_path / "llama-server")
    (tmp_path / "times.txt").touch()
    command = ["env", "A=b", "time", "-o", str(tmp_path / "times.txt"), sys.executable, str(server)]

    assert ["server llama-server"] == [
        label for label in program_files(command, {}) if "python" not in label and "library" not in label
    ]


def test_the_compiled_parts_of_a_package() -> None:
    """Those of the embedded server."""
    pytest.importorskip("xllamacpp")
    found = package_files("xllamacpp")

    assert any("xllamacpp" in label for label in found)
    assert all(path.is_file() for path in found.values())


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs Linux's /proc")
def test_what_a_running_server_has_loaded(tmp_path: Path) -> None:
    """The program behind a wrapper, wherever a variable of it led to; and models that the log names."""
    server = tmp_path / "hidden" / "engine"
    server.parent.mkdir()
    shutil.copy(shutil.which("sleep") or "", server)
    (tmp_path / "draft.gguf").touch()
    traces = Traces.new(0)
    process = subprocess.Popen(
        ["sh", "-c", f"D={tmp_path}/hidden; $D/engine 60; true"],
        env={**os.environ, **traces.environment},
        start_new_session=True,
    )
    try:
        log = f"load: draft '{tmp_path}/draft.gguf', {tmp_path}/none.gguf"
        found: dict[str, Path] = {}
        while "server loaded engine" not in found:
            found = loaded_files(traces.processes(), log)
    finally:
        os.killpg(process.pid, 9)
        process.wait()

    assert {"server loaded draft.gguf": tmp_path / "draft.gguf", "server loaded engine": server} == found


def test_what_a_script_names_from_its_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many go there first; of two files of one name that from where it is started counts."""
    place, here = tmp_path / "place", tmp_path / "here"
    script = program(
        place / "serve.sh", '#!/bin/sh\ncd "$(dirname "$0")"\nexec server --lora ./a.gguf --mmproj ./b.gguf\n'
    )
    here.mkdir()
    for path in (place / "a.gguf", place / "b.gguf", here / "b.gguf"):
        path.touch()
    monkeypatch.chdir(here)
    found = program_files([str(script)], {})

    assert place / "a.gguf" == found["--lora a.gguf"]
    assert here / "b.gguf" == found["--mmproj b.gguf"].resolve()


def test_what_a_script_writes_beside_itself_is_no_part_of_it(tmp_path: Path) -> None:
    """Names of variables and of outputs that are files as well: they change while a session runs."""
    for name in ("stdout", "out.txt", "answers.json", "settings.env", "t.jinja"):
        (tmp_path / name).write_text("x", encoding="ascii")
    script = program(
        tmp_path / "serve",
        "#!/usr/bin/env python3\nload_settings('./settings.env')\n"
        "server = Popen([program, '-m', 'pytest_codeneedle.embedded', '--chat-template-file', 't.jinja', *given],\n"
        "    stdout=subprocess.PIPE)\nopen('out.txt', 'w').write(server.stdout.read())\nsave('answers.json')\n",
    )
    found = set(program_files([str(script)], {})) - {"server serve"}
    assert found == {"settings.env", "--chat-template-file t.jinja"}
