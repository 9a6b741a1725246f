"""The workers of a session on the controller: where each runs, on which device, with which of its host's facts.

pytest-xdist is the engine: `--tx ssh=user@gpu1//python=...` names hosts. Each is asked what it would run before
anything starts, over a connection of its own, so that a refusal leaves nothing behind.
"""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_codeneedle.core.devices import least_used, servers_on_one
from pytest_codeneedle.core.errors import ConfigurationError
from pytest_codeneedle.core.text import wrapped
from pytest_codeneedle.plugin import host_check, terminal
from pytest_codeneedle.plugin import remote_logs as server_logs
from pytest_codeneedle.plugin.hosts import LOCAL, compare, facts_of, host_of, worker_specs, workers_by_host
from pytest_codeneedle.plugin.session import WORKER_INPUT
from pytest_codeneedle.runs.sessions import place_named
from pytest_codeneedle.server.capacity import check_cores

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import execnet
    from xdist.workermanage import NodeManager, WorkerController

    from pytest_codeneedle.plugin.session import GridSession
    from pytest_codeneedle.sweep.corpus_facts import Prepared

_LOGS = "codeneedle_logs"
#: What xdist copies to every host unasked; pytest-codeneedle has to be installed there, and pytest with it.
_COPIED_BY_XDIST = ("pytest.py", "pytest", "_pytest")


@dataclass(frozen=True)
class Place:
    """Where a worker is: its host and the device that its servers see, None for all."""

    host: str
    device: str | None


class Fleet:
    """The hosts, and the workers that live."""

    def __init__(self, session: GridSession) -> None:
        self._session = session
        self._config = session.config
        self.workers = workers_by_host(session.config)
        self._here: dict[str, Any] = {}
        self._facts: dict[str, dict[str, Any]] = {}
        self._live: dict[str, Place] = {}

    @property
    def remote(self) -> bool:
        """Whether any worker is on another host."""
        return any(host != LOCAL for host in self.workers)

    def check(self) -> list[str]:
        """Ask every other host what it would run; a line for each. Raises ConfigurationError where hosts differ."""
        if not self.workers:
            return []
        self._here = here = {"package": host_check.package(), **facts_of(self._session.plan)}
        specs = [spec for spec in worker_specs(self._config) if host_of(spec) != LOCAL]
        if not specs:
            return []
        self._refuse_paths_of_this_machine()
        self._facts = self._asked(list(dict.fromkeys(map(str, specs))))
        for key, there in self._facts.items():
            compare(_host(key), here, there)
        lines = []
        for host, workers in self.workers.items():
            there = self._of(host)
            if self._session.plan.endpoint is None:
                check_cores(workers, there["cores"], there["own_threads"], "" if host == LOCAL else f"host {host}: ")
            many = "1 worker" if workers == 1 else f"{workers} workers"
            lines.append(f"kv-grid: host {host}: {many}, {there['cores']} cores, Python {there['python']}")
        if len(self.workers) > 1 and self._session.plan.settings.calibrate:
            passes = "each host begins with a pass over the reference, as far as there are passes"
            lines += wrapped(f"kv-grid: {passes} (--kv-repeat)")
        return lines

    def record(self, prepared: Mapping[str, Prepared]) -> None:
        """Note the hosts in run.json. Raises RunFolderError."""
        for one in prepared.values() if self.workers else ():
            about = [self._about(host, one) for host in self.workers]
            one.run.write_about({**one.run.about(), "hosts": about})

    def _about(self, host: str, one: Prepared) -> dict[str, Any]:
        there = self._of(host)
        told = {key: there[key] for key in ("hostname", "cores", "python", "model", "server")}
        return {"name": host, **told, "workers": self.workers[host], "threads": self._threads(host, there, one)}

    def _of(self, host: str) -> dict[str, Any]:
        if host == LOCAL:
            return self._here
        return next(there for key, there in self._facts.items() if _host(key) == host)

    def _threads(self, host: str, there: Mapping[str, Any], one: Prepared) -> int:
        if there["own_threads"]:
            return int(there["own_threads"])
        return one.threads if host == LOCAL else self._session.plan.model.threads(there["cores"] // self.workers[host])

    def _refuse_paths_of_this_machine(self) -> None:
        """Raise ConfigurationError for an argument that xdist would take for a file to copy, and trip over."""
        for argument in map(str, self._config.invocation_params.args):
            path = Path(argument.partition("::")[0])
            copied = [Path(folder).resolve() for folder in self._config.option.rsyncdir]
            becomes = self._session.plan.settings.out == self._config.invocation_params.dir / path  # a folder, soon
            if (becomes or _exists(path)) and not any(path.is_relative_to(folder) for folder in copied):
                msg = (
                    f"argument {argument!r} is a path of this machine, which other hosts cannot be sent; write the "
                    f"value of an option with = (such as --corpus={argument}), and run the packaged suite"
                )
                raise ConfigurationError(msg)

    def _asked(self, specs: Sequence[str]) -> dict[str, dict[str, Any]]:
        """What each host says of itself. Raises ConfigurationError for one that does not answer."""
        from xdist.workermanage import NodeManager, make_reltoroot  # noqa: PLC0415 - only under --tx

        manager = NodeManager(self._config, specs)
        copy_no_pytest(manager)
        arguments = make_reltoroot(manager.roots, [str(word) for word in self._config.invocation_params.args])
        found = {}
        try:
            channels = {str(spec): _reach(manager, spec) for spec in manager.specs}
            for key, channel in channels.items():
                _tell(key, channel, arguments)
            for key, channel in channels.items():
                found[key] = _hear(key, channel)
        finally:
            manager.teardown_nodes()
        return found

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_setupnodes(self, config: pytest.Config) -> None:
        """A checkout on another host is its user's: nothing is copied into it but what --rsyncdir names."""
        copy_no_pytest(config.pluginmanager.getplugin("dsession").nodemanager)

    @pytest.hookimpl(optionalhook=True, trylast=True)
    def pytest_configure_node(self, node: WorkerController) -> None:
        """Give a worker its device and its host's own facts. One that replaces another gets the device that is free."""
        spec = node.gateway.spec
        host, devices = host_of(spec), self._session.plan.settings.devices
        used = Counter(place.device for place in self._live.values() if place.host == host and place.device)
        device = least_used(devices, used) if devices else None
        self._live[node.gateway.id] = Place(host, device)
        servers = min(self.workers[host], len(self._session.plan.cells))
        placed: dict[str, Any] = {"device": device, "servers_on_device": servers_on_one(devices, servers)}
        there = self._facts.get(str(spec))
        for name, facts in node.workerinput[WORKER_INPUT].items():
            facts.update(placed)
            if there is not None:
                threads = self._threads(host, there, self._session.prepared[name])
                facts.update({"host": host, "folder": "", "model": there["model"], "threads": threads})

    def place_named(self, node: WorkerController) -> str:
        """How rows of that worker call its host and device."""
        place = self._live[node.gateway.id]
        return place_named({"host": None if place.host == LOCAL else place.host, "device": place.device})

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: WorkerController) -> None:
        """Its device is free, and its servers' logs come home."""
        self._live.pop(node.gateway.id, None)
        logs = getattr(node, "workeroutput", {}).get(_LOGS, {})
        server_logs.unpack(logs, {name: one.run.path for name, one in self._session.prepared.items()})


class Guest:
    """A worker's part on another host: its servers' logs go into a folder of its own, and home at the end."""

    def __init__(self, folders: Mapping[str, Path]) -> None:
        self._folders = folders

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Before xdist tells the controller that this worker has finished."""
        output: dict[str, Any] = session.config.workeroutput  # type: ignore[attr-defined]  # xdist's
        output[_LOGS] = server_logs.packed(self._folders)
        for folder in self._folders.values():
            shutil.rmtree(folder, ignore_errors=True)


def distribute(config: pytest.Config) -> None:
    """`--tx` alone names hosts, and xdist would run nothing there; before xdist looks whether to distribute.

    Raises pytest.UsageError for -n beside it, with which xdist forgets the hosts.
    """
    option = config.option
    if hasattr(config, "workerinput") or not getattr(option, "tx", None):
        return
    if option.numprocesses and any(str(word).startswith("--tx") for word in config.invocation_params.args):
        msg = f"-n starts workers here and leaves --tx out; write --tx={option.numprocesses}*popen for those here"
        raise terminal.usage_error(msg)
    if option.dist == "no" and not option.usepdb:
        option.dist = "load"


def copy_no_pytest(manager: NodeManager) -> None:
    """Take pytest itself off the folders that xdist copies to hosts."""
    manager.roots = [root for root in manager.roots if root.name not in _COPIED_BY_XDIST]


def _host(key: str) -> str:
    import execnet  # noqa: PLC0415 - only under --tx

    return host_of(execnet.XSpec(key))


def _reach(manager: NodeManager, spec: execnet.XSpec) -> execnet.Channel:
    """Connect, and send the question there."""
    import execnet  # noqa: PLC0415 - only under --tx

    try:
        gateway = manager.group.makegateway(spec)
        manager.rsync_roots(gateway)
        channel: execnet.Channel = gateway.remote_exec(host_check)
    except execnet.HostNotFound as error:
        msg = f"host {host_of(spec)} cannot be reached; see that `ssh {spec.ssh or host_of(spec)} true` works"
        raise ConfigurationError(msg) from error
    except (OSError, EOFError, execnet.RemoteError) as error:
        raise _silent(str(spec), error) from error
    return channel


def _tell(key: str, channel: execnet.Channel, arguments: list[str]) -> None:
    try:
        channel.send((arguments, host_check.package()))
    except OSError as error:
        raise _silent(key, error) from error


def _hear(key: str, channel: execnet.Channel) -> dict[str, Any]:
    try:
        found: dict[str, Any] = channel.receive()
    except (OSError, EOFError, channel.RemoteError) as error:
        raise _silent(key, error) from error
    return found


def _silent(key: str, error: Exception) -> ConfigurationError:
    """A host that was reached and has no Python there, or no such folder."""
    said = str(error).strip().splitlines()
    return ConfigurationError(
        f"host {_host(key)} does not answer ({said[-1] if said else 'the connection closed'}); see that its "
        "//python=PATH and //chdir=DIR are there"
    )


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a word that is too long for a name
        return False
