"""Hosts for the tests: OpenSSH servers on the loopback, each with an environment of its own."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_codeneedle.server.process import free_port

from .lab import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SSHD = Path("/usr/sbin/sshd")
MISSING = None if SSHD.exists() and shutil.which("ssh") else "needs sshd and ssh: apt install openssh-server"
#: What a process of a measured test run needs, for its host's processes are measured too.
_ALONG = ("XDG_CACHE_HOME", "COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG", "COVERAGE_FILE")


@dataclass(frozen=True)
class Host:
    """One host: its name, and the ssh_config by which ssh finds it."""

    name: str
    config: Path

    def tx(self, folder: Path, *, workers: int = 1) -> str:
        """The `--tx` of that many workers in `folder` there, with this Python."""
        many = f"{workers}*" if workers > 1 else ""
        return f"--tx={many}ssh={self.name}//ssh_config={self.config}//python={sys.executable}//chdir={folder}"


@contextlib.contextmanager
def running(folder: Path, **hosts: Mapping[str, str]) -> Iterator[list[Host]]:
    """An sshd for each name, with the environment that its logins get; ended at the end."""
    folder.mkdir()
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # sshd wants it where root starts it; Debian's service makes it
    for key in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / key], check=True)
    config = folder / "ssh_config"
    with contextlib.ExitStack() as daemons:
        ports = {name: daemons.enter_context(_sshd(folder, name, own)) for name, own in hosts.items()}
        config.write_text("".join(_client(folder, name, port) for name, port in ports.items()), encoding="utf-8")
        yield [Host(name, config) for name in hosts]


@contextlib.contextmanager
def _sshd(folder: Path, name: str, own: Mapping[str, str]) -> Iterator[int]:
    """One daemon on a free port of 127.0.0.1."""
    port = free_port()
    along = {key: os.environ[key] for key in _ALONG if key in os.environ}
    environment = " ".join(f'{key}="{value}"' for key, value in {**along, **own}.items())
    config = folder / f"{name}.conf"
    lines = [
        *("ListenAddress 127.0.0.1", f"Port {port}", f"PidFile {folder / name}.pid", f"HostKey {folder / 'host'}"),
        *(f"AuthorizedKeysFile {folder / 'user.pub'}", "PasswordAuthentication no", "PermitRootLogin yes"),
        *("UsePAM no", "StrictModes no", *([f"SetEnv {environment}"] if environment else [])),
    ]
    config.write_text("\n".join([*lines, ""]), encoding="utf-8")
    with (folder / f"{name}.log").open("wb") as log:
        daemon = subprocess.Popen([SSHD, "-D", "-e", "-f", config], stdin=subprocess.DEVNULL, stderr=log)
    try:
        wait_until(lambda: _listens(port) or daemon.poll() is not None)
        assert daemon.poll() is None, (folder / f"{name}.log").read_text(encoding="utf-8")
        yield port
    finally:
        daemon.terminate()
        daemon.wait()


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def _client(folder: Path, name: str, port: int) -> str:
    lines = [
        *("HostName 127.0.0.1", f"Port {port}", f"User {getpass.getuser()}", f"IdentityFile {folder / 'user'}"),
        *("IdentitiesOnly yes", "BatchMode yes", "StrictHostKeyChecking no", "LogLevel ERROR"),
        f"UserKnownHostsFile {folder / 'known_hosts'}",
    ]
    return "\n    ".join([f"Host {name}", *lines]) + "\n"
