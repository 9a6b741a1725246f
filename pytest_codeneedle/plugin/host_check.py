"""Asks a host what it would run: this module's source is sent there, and what comes back is plain.

It must do with whatever is installed there, also with no or another pytest-codeneedle, so it imports nothing of the
package before it knows that it is the same.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import sys
from pathlib import Path
from typing import Any

NAME = "pytest-codeneedle"


def package() -> str:
    """The version of the package here and a short hash of its modules: `0.1.0 (1a2b3c4d)`; empty where it is not."""
    spec = importlib.util.find_spec(NAME.replace("-", "_"))
    if spec is None or not spec.submodule_search_locations:
        return ""
    folder = Path(next(iter(spec.submodule_search_locations)))
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    try:
        version = importlib.metadata.version(NAME)
    except importlib.metadata.PackageNotFoundError:
        version = "not installed"
    return f"{version} ({digest.hexdigest()[:8]})"


def check(arguments: list[str], wanted: str) -> dict[str, Any]:
    """The facts of this host under these arguments of pytest, or `error`, why there are none.

    The configuration is made as pytest-xdist's worker makes it.
    """
    sys.path.insert(0, os.getcwd())  # noqa: PTH109 - as the worker has it
    if package() != wanted:
        return {"package": package(), "executable": sys.executable}
    from _pytest.config import _prepareconfig  # noqa: PLC0415 - nothing is imported before; xdist's own way

    from pytest_codeneedle.plugin.hosts import facts  # noqa: PLC0415 - as above

    try:
        config = _prepareconfig(arguments, None)
        try:
            found = facts(config)
        finally:
            config._ensure_unconfigure()  # noqa: SLF001 - what _prepareconfig began
    except Exception as error:  # noqa: BLE001 - whatever it is, the other side has to hear of it
        return {"package": wanted, "error": str(error) or type(error).__name__}
    return {"package": wanted, **found}


if __name__ == "__channelexec__":
    channel: Any = globals()["channel"]
    channel.send(check(*channel.receive()))
