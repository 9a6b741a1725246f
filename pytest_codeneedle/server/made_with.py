"""What a session's answers are made with beside its model's first file: the parts of the identity that are contents."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.core.devices import device_names
from pytest_codeneedle.core.machine import drivers, processor
from pytest_codeneedle.server.command.flags import LOADED_FIRST, inherited, read_by_llama
from pytest_codeneedle.server.contents.named_files import model_parts, named_files
from pytest_codeneedle.server.contents.program_files import package_files, program_files
from pytest_codeneedle.server.contents.script_words import SCRIPT
from pytest_codeneedle.server.probe import ask_devices

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_codeneedle.server.contents.hashes import FileHashes
    from pytest_codeneedle.server.program import ServerArgs, ServerProgram

#: The parts that only a server that ran can tell.
ONLY_RUNNING = ("loaded",)
EMBEDDED_PACKAGE = "xllamacpp"


@dataclass(frozen=True)
class MadeWith:
    """Hashes by labels that name no folder: `files` that arguments and variables name, `program` and its libraries.

    `loaded` is what a running server was seen to have loaded beside those, and `machine` what computes: processor,
    instructions, devices, driver.
    """

    files: Mapping[str, str]
    program: Mapping[str, str]
    machine: Mapping[str, Any]
    loaded: Mapping[str, str] = field(default_factory=dict)

    @property
    def parts(self) -> dict[str, Mapping[str, Any]]:
        """As parts of an identity."""
        return {"files": self.files, "program": self.program, "loaded": self.loaded, "machine": self.machine}


@dataclass(frozen=True)
class Ingredients:
    """The files that answers are made with, by label, without their hashes; `machine` as `MadeWith` has it."""

    files: Mapping[str, Path]
    program: Mapping[str, Path]
    machine: Mapping[str, Any]

    def paths(self, model: Path | None) -> list[Path]:
        """All of them, and that model."""
        return [*self.files.values(), *self.program.values(), *(() if model is None else (model,))]

    def hashed(self, hashes: FileHashes) -> MadeWith:
        """Their contents. Raises ConfigurationError for a file that keeps changing."""
        return MadeWith(hashes.all(self.files), hashes.all(self.program), self.machine)

    def beside(self, loaded: Mapping[str, Path], model: Path | None) -> dict[str, Path]:
        """Those of `loaded` that are not known already."""
        resolved = {path.resolve() for path in self.paths(model)}
        return {label: path for label, path in loaded.items() if path.resolve() not in resolved}


def added_args(args: ServerArgs, hashes: FileHashes) -> str:
    """What rows say of the arguments at the end: their text, and the contents of files that a fixture's words name.

    Those of the session's own words are in its identity.
    """
    contents = hashes.all(named_files(args.from_fixture))
    return " ".join([args.added, *(f"[{label}: sha256 {digest[:12]}]" for label, digest in contents.items())]).strip()


def ingredients(program: ServerProgram, extra: Sequence[str], model: Path | None) -> Ingredients:
    """What the servers of a session are made of: `program` with more arguments, and a model's file.

    Asks the program for its devices.
    """
    environment = {**os.environ, **program.variables}
    first = {name: environment[name] for name in LOADED_FIRST if name in environment}
    read = {**read_by_llama(inherited(environment)), **first, **program.variables}
    own = package_files(EMBEDDED_PACKAGE) if program.embedded else program_files(program.command, environment)
    # A wrapper reads what its words name. The last of them may be the server, which is among the programs.
    wrapper = named_files([word for word in program.command[1:] if "=" not in word])
    programs = {path.resolve() for path in own.values()}
    named = {
        **{label: path for label, path in wrapper.items() if path.resolve() not in programs},
        **named_files([*program.arguments, *extra], sorted(read.items())),
    }
    devices = () if program.embedded else device_names(ask_devices(program.command, program.environment))
    return Ingredients(
        files={**({} if model is None else model_parts(model)), **named},
        program=own,
        machine={**processor(), "devices": list(devices), "driver": drivers()},
    )


def fetched_model(props: Mapping[str, Any], hashes: FileHashes) -> dict[str, Any]:
    """The file of a model that the server fetched, where it is on this machine: only its /props tell.

    Raises ConfigurationError for a file that keeps changing.
    """
    path = Path(str(props.get("model_path") or "")).absolute()
    return {"model_file": str(path), "model_sha256": hashes.sha256(path)} if path.is_file() else {}


@dataclass(frozen=True)
class Seen:
    """What a running server was seen to have loaded: `files` as label -> path, `loaded` as label -> hash.

    `loaded` has the devices that the server's log names, too, and what a script changed of its command. `whole`: every
    file is there and is what it was, and no script is to be asked again.
    """

    files: Mapping[str, str] = field(default_factory=dict)
    loaded: Mapping[str, Any] = field(default_factory=dict)
    whole: bool = True


def seen_now(files: Mapping[str, Path], devices: Sequence[str], words: Mapping[str, Any], hashes: FileHashes) -> Seen:
    """What a server has loaded that has just run, with `words` as `ScriptWords.parts` has them.

    Raises ConfigurationError for a file that keeps changing.
    """
    told = {"devices": list(devices)} if devices else {}
    return Seen({label: str(path) for label, path in files.items()}, {**hashes.all(files), **told, **words})


def seen_before(about: Mapping[str, Any], hashes: FileHashes) -> Seen:
    """What the server of a stored run had loaded, as those files are now. Raises ConfigurationError as above."""
    files = {str(label): str(path) for label, path in (about.get("loaded_files") or {}).items()}
    before = (about.get("identity") or {}).get("loaded") or {}
    now = {**before, **hashes.all({label: Path(path) for label, path in files.items()})}
    return Seen(files, now, whole=now == before and not any(label.startswith(f"{SCRIPT} ") for label in before))
