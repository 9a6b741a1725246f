"""The files that a server is made of: its program, the libraries beside it, a script that starts it."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import shutil
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_codeneedle.server.contents.hashes import is_regular
from pytest_codeneedle.server.contents.named_files import named_files

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

#: A library by its name: `libggml-cpu.so`, `libllama.so.0`, `ggml-cuda.dll`, `libllama.0.dylib`.
_LIBRARY = re.compile(r".+\.(?:so(?:\.[\d.]+)?|dylib|dll|pyd|metallib)")
#: What computes, by its name, where it lies among libraries of others.
_COMPUTES = re.compile(
    r"(?:lib)?(?:llama|ggml|mtmd|cublas|cudart|cudnn|hipblas|rocblas|amdhip|sycl|mkl|openblas|blis)", re.IGNORECASE
)
_SERVER = re.compile(r"llama(?:-server[\w.+-]*)?(?:\.exe)?", re.IGNORECASE)
#: Where a program's libraries are, from its own folder.
_LIBRARY_FOLDERS = ("../lib", "../lib64", "../lib/*-linux-gnu", "../lib/llama.cpp", "../libexec")
_LIBRARY_PATHS = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
#: Where programs of the system are, which start others, as interpreters do.
_SYSTEM = ("/bin/", "/usr/bin/", "/sbin/", "/usr/sbin/")
_INTERPRETER = re.compile(r"(?:python|pypy|node|perl|ruby)[\d.]*(?:\.exe)?")
_SCRIPT_SUFFIXES = (".sh", ".bash", ".zsh", ".py", ".bat", ".cmd", ".ps1", ".pl", ".rb", ".js")
#: No script that starts a server is longer, and no chain of them.
_LONGEST_SCRIPT, _DEEPEST = 1 << 18, 4
_WORD = re.compile(r"[^\s'\"`;|&()<>${}]+")
#: What a script writes to: `2>> server.log`, `tee -a server.log`.
_WRITTEN = re.compile(r"\d?>>?\s*[^\s;|&]+|\btee\s+(?:-\w+\s+)*[^\s;|&]+")
#: What a script reads without a flag of the server's: models, templates, settings, other scripts.
_READ = re.compile(
    r"\.(?:gguf|ggml|safetensors|jinja2?|gbnf|env|ini|conf|cfg|toml|ya?ml|(?:ba|z)?sh|py|bat|cmd|ps1|pl|rb|js)$",
    re.IGNORECASE,
)
_GGUF = re.compile(r"[^\s'\"]+\.gguf\b")
#: `/usr/lib/libc.so.6` of a line of /proc/PID/maps.
_MAPPED = re.compile(r"^\S+ \S+ \S+ \S+ [1-9]\d*\s+(/.*)$", re.MULTILINE)


def program_files(command: Sequence[str], environment: Mapping[str, str]) -> dict[str, Path]:
    """What `command` starts, as far as its words tell: label -> path.

    `server NAME` is a program or a script of these words, or one that such a script names; `server library NAME` a
    library beside a program, or in the folders where a program of that place has its libraries. What else a script
    names is called as `named_files` has it. Programs of the system that only start others are left out.
    """
    programs = list(dict.fromkeys(_programs(command, 0)))
    libraries = [path for program in programs for path in _libraries(program, environment)]
    named = [file for program in programs for file in _named_by(program).items()]
    return {
        **{f"server {path.name}": path for path in programs},
        **{f"server library {path.name}": path for path in dict.fromkeys(libraries)},
        **{label: path for label, path in named if path.resolve() not in programs},
    }


def _named_by(program: Path) -> dict[str, Path]:
    """What a script names, from its own folder, where many go first, or from where it is started.

    The word after a flag is its value. What stands elsewhere may as well be written by the script: of that, only what
    is read by its kind.
    """
    words = _words(_script(program) or "")
    values = [
        part
        for flag, value in pairwise((*words, "-"))
        if flag.startswith("-")
        for part in ((flag,) if value.startswith("-") else (flag, value))
    ]
    alone = [value for flag, value in pairwise(("", *words)) if not flag.startswith("-") and not value.startswith("-")]
    found: dict[str, Path] = {}
    for start in (program.parent, Path()):
        read = {label: path for label, path in named_files(alone, start=start).items() if _READ.search(path.name)}
        found |= {**named_files(values, start=start), **read}
    return found


def package_files(name: str) -> dict[str, Path]:
    """The compiled parts of an installed package, and the libraries that came with it."""
    spec = importlib.util.find_spec(name)
    folders = [Path(folder) for folder in (spec.submodule_search_locations if spec else None) or ()]
    beside = [folder.with_name(f"{folder.name}.libs") for folder in folders]
    found = (path for folder in (*folders, *beside) for path in sorted(folder.rglob("*")))
    return {f"server library {path.name}": path for path in found if _LIBRARY.fullmatch(path.name)}


def loaded_files(processes: Iterable[Path], log: str) -> dict[str, Path]:
    """What a server that runs has loaded: its program and what computes, and the models that its log names.

    Its processes are folders in /proc; without one there are only the models.
    """
    found = {Path(name) for name in _GGUF.findall(log)}
    for process in processes:
        with contextlib.suppress(OSError):  # it ended meanwhile
            found |= _mapped(process)
    return {f"server loaded {path.name}": path for path in sorted(found) if path.is_absolute() and is_regular(path)}


def _only_starts(program: Path) -> bool:
    """Whether a program is none of llama.cpp's: one of the system, or an interpreter."""
    system = str(program).startswith(_SYSTEM) or _INTERPRETER.fullmatch(program.name) is not None
    return system and not _SERVER.fullmatch(program.name)


def _mapped(process: Path) -> set[Path]:
    """The program of a process and the files that it has mapped, those of the system and of its C library aside."""
    program = (process / "exe").readlink()
    mapped = {Path(name) for name in _MAPPED.findall((process / "maps").read_text(encoding="utf-8", errors="replace"))}
    computing = {path for path in mapped if _COMPUTES.match(path.name) or _GGUF.fullmatch(path.name)}
    beside = {path for path in (*mapped, program) if path.parent == program.parent}
    return computing if _only_starts(program) else computing | beside


def _programs(words: Iterable[str], depth: int) -> Iterator[Path]:
    """The programs and scripts among words, those that a script names after it."""
    for word in words:
        path = _program(word, first=depth == 0)
        if path is None:
            continue
        script = _script(path)
        if script is None and _only_starts(path):
            continue
        yield path
        if script is not None and depth < _DEEPEST:
            yield from _programs(dict.fromkeys(_words(script)), depth + 1)


def _program(word: str, *, first: bool) -> Path | None:
    """The file that a word starts, links followed; None for other words. Bare words of a script are mostly none."""
    bare = not re.search(r"[/\\]", word)
    if bare and not (first or _SERVER.fullmatch(word)):
        return None
    found = Path(shutil.which(word) or word)
    if not is_regular(found):
        return None
    runs = os.access(found, os.X_OK) or found.suffix.lower() in _SCRIPT_SUFFIXES
    return found.resolve() if runs or _script(found) is not None else None


def _words(script: str) -> list[str]:
    """Those that may name a file which is read, with the flags before them."""
    words = _WORD.findall(_WRITTEN.sub(" ", script))
    return [word for word in words if word.startswith("-") or re.search(r"[./\\]", word)]


def _script(path: Path) -> str | None:
    """The text of a script; None for anything else."""
    try:
        with path.open("rb") as file:
            head = file.read(2)
            if head != b"#!" and path.suffix.lower() not in _SCRIPT_SUFFIXES:
                return None
            return (head + file.read(_LONGEST_SCRIPT)).decode("utf-8", "replace")
    except OSError:
        return None


def _libraries(program: Path, environment: Mapping[str, str]) -> Iterator[Path]:
    """Those in its own folder where that is no folder of the system, and those by name where others are too."""
    if _script(program) is not None:
        return
    if not str(program).startswith(_SYSTEM):
        yield from _named(program.parent, _LIBRARY)
    folders = [folder for pattern in _LIBRARY_FOLDERS for folder in _globbed(program.parent, pattern)]
    folders += [Path(one) for name in _LIBRARY_PATHS for one in environment.get(name, "").split(os.pathsep) if one]
    for folder in folders:
        yield from (path for path in _named(folder, _LIBRARY) if _COMPUTES.match(path.name))


def _globbed(folder: Path, pattern: str) -> list[Path]:
    above = folder.parent if pattern.startswith("../") else folder
    return sorted(above.glob(pattern.removeprefix("../")))


def _named(folder: Path, pattern: re.Pattern[str]) -> list[Path]:
    """The files of a folder by their names; a library with several names once."""
    try:
        paths = sorted(path for path in folder.iterdir() if pattern.fullmatch(path.name) and is_regular(path))
    except OSError:
        return []
    return sorted({path.resolve(): path for path in reversed(paths)}.values())
