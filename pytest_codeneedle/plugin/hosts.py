"""The hosts of a session: which `--tx` names which, what is true of each, and whether they may make one grid."""

from __future__ import annotations

import hashlib
import platform
import socket
from collections import Counter
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from pytest_codeneedle.core.errors import ConfigurationError
from pytest_codeneedle.core.machine import cache_folder, cores
from pytest_codeneedle.plugin.read_settings import read_settings
from pytest_codeneedle.server.capacity import own_threads
from pytest_codeneedle.server.contents.hashes import FileHashes
from pytest_codeneedle.server.made_with import ingredients
from pytest_codeneedle.sweep.plan import make_plan
from pytest_codeneedle.sweep.settings import MODEL_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Mapping

    import execnet
    import pytest

    from pytest_codeneedle.sweep.plan import Plan

#: How this machine is called beside others.
LOCAL = "local"
#: A host's own; all other settings must be the same on all.
_OWN_SETTINGS = ("model", "model_name", "server", "api_key_file", "out", "rootdir", "start", "devices", "baselines")
#: Beside the model, what has to have the same content on all, and what to do where it has not.
_SAME_CONTENT = {"files": "copy the same file to both", "program": "a grid cannot mix builds; install one on both"}
_SHOWN_HASH, _LONGEST_SHOWN = 8, 40


def worker_specs(config: pytest.Config) -> list[execnet.XSpec]:
    """One spec of `--tx` for each worker; none where tests are not distributed. Raises ConfigurationError."""
    if getattr(config.option, "dist", "no") == "no" or not config.option.tx:
        return []
    import execnet  # noqa: PLC0415 - a session without -n pays for no import
    from xdist.workermanage import parse_tx_spec_config  # noqa: PLC0415 - likewise

    try:
        return [execnet.XSpec(spec) for spec in parse_tx_spec_config(config)]
    except (ValueError, AttributeError, IndexError) as error:
        msg = f"--tx {' '.join(config.option.tx)}: {error}"
        raise ConfigurationError(msg) from error


def host_of(spec: execnet.XSpec) -> str:
    """What a worker's host is called: `user@gpu1`, or `local` for this machine."""
    name = spec.ssh or spec.vagrant_ssh or spec.socket or spec.via
    return str(name) if name else LOCAL


def workers_by_host(config: pytest.Config) -> Counter[str]:
    """Host -> how many workers it has; empty where tests are not distributed."""
    return Counter(host_of(spec) for spec in worker_specs(config))


def facts(config: pytest.Config) -> dict[str, Any]:
    """What is true of this machine under that configuration. Raises ConfigurationError."""
    return facts_of(make_plan(read_settings(config)))


def facts_of(plan: Plan) -> dict[str, Any]:
    """The same of a plan, in plain values: hashes of the corpora and the model, the server, the machine.

    A control model is computed where it is not in the cache yet. `server` is its build, as far as it tells one.
    """
    model = plan.model.file(plan.settings.start, cache_folder())
    hashes = FileHashes(cache_folder())
    made = None
    if plan.endpoint is None:
        made = ingredients(plan.program, plan.settings.server_args, model).hashed(hashes)
    names = [field.name for field in fields(plan.settings) if field.name not in _OWN_SETTINGS]
    questions = [question.message for chosen in plan.corpora.values() for question in chosen.asked]
    return {
        "hostname": socket.gethostname(),
        "python": platform.python_version(),
        "cores": cores(),
        "settings": {name: _shown(getattr(plan.settings, name)) for name in names},
        "corpora": {name: chosen.corpus.sha256 for name, chosen in plan.corpora.items()},
        "questions": hashlib.sha256("\0".join(questions).encode()).hexdigest(),
        "model": None if model is None else str(model),
        "model_sha256": None if model is None else hashes.sha256(model),
        "files": {} if made is None else made.files,
        "program": {} if made is None else made.program,
        "server": plan.program.version,
        "own_threads": own_threads(plan.program, plan.settings.server_args),
    }


def _shown(value: object) -> str:
    """A setting as a message may show it: what is long, or may hold a secret, by its hash."""
    said = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
    if len(said) <= _LONGEST_SHOWN and not isinstance(value, dict):
        return said
    return hashlib.sha256(said.encode()).hexdigest()[:_SHOWN_HASH]


def compare(host: str, here: Mapping[str, Any], there: Mapping[str, Any]) -> None:
    """Raise ConfigurationError for the first thing in which a host differs from this one, so that no grid mixes two.

    `here` and `there` are `facts_of` with `package`, as `host_check` has them.
    """
    _refuse_without_facts(host, here, there)
    for name, value in here["settings"].items():
        if there["settings"][name] != value:
            way = "its ini file or profile says otherwise; make them the same"
            raise _differs(host, f"setting {name}", value, there["settings"][name], way)
    for name, sha256 in here["corpora"].items():
        if there["corpora"][name] != sha256:
            way = "bring both to one state; //chdir=DIR in --tx names the project's folder there"
            raise _differs(host, f"corpus {name}", _short(sha256), _short(there["corpora"][name]), way)
    if there["questions"] != here["questions"]:
        way = "functions are found otherwise there; install the same packages on both"
        raise _differs(host, "the hash of the questions", _short(here["questions"]), _short(there["questions"]), way)
    if there["model_sha256"] != here["model_sha256"]:
        way = f"set {MODEL_VARIABLE} there, or path in the model's profile"
        raise _differs(host, "model", _file(here), _file(there), way)
    if None not in (here["server"], there["server"]) and there["server"] != here["server"]:
        raise _differs(host, "server", here["server"], there["server"], "a grid cannot mix builds; install one on both")
    _refuse_other_contents(host, here, there)


def _refuse_other_contents(host: str, here: Mapping[str, Any], there: Mapping[str, Any]) -> None:
    for part, way in _SAME_CONTENT.items():
        for label in {**here[part], **there[part]}:
            now, then = (said[part].get(label) for said in (here, there))
            if now != then:
                raise _differs(host, label, _short(now or "none"), _short(then or "none"), way)


def _refuse_without_facts(host: str, here: Mapping[str, Any], there: Mapping[str, Any]) -> None:
    if not there["package"]:
        msg = (
            f"host {host}: {there['executable']} has no pytest-codeneedle; install it there, or name another Python: "
            f"--tx ssh={host}//python=PATH"
        )
        raise ConfigurationError(msg)
    if there["package"] != here["package"]:
        raise _differs(host, "pytest-codeneedle", here["package"], there["package"], "install the same on both")
    if "error" in there:
        msg = f"host {host}: {there['error']}"
        raise ConfigurationError(msg)


def _differs(host: str, what: str, here: str, there: str, way: str) -> ConfigurationError:
    return ConfigurationError(f"host {host}: {what} is {there} there and {here} here; {way}")


def _short(sha256: str) -> str:
    return sha256[:_SHOWN_HASH]


def _file(said: Mapping[str, Any]) -> str:
    return f"{said['model']} ({_short(said['model_sha256'])})" if said["model"] else "fetched by the server"
