from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_codeneedle.core.machine import cache_folder
from pytest_codeneedle.server.control_model.model import Control

from . import sshd
from .lab import GRID, RUNS, matched, runs, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .lab import Lab

pytestmark = pytest.mark.skipif(sshd.MISSING is not None, reason=sshd.MISSING or "")
PAIRS = "q8_0/q8_0,q8_0/q4_0,q4_0/q8_0,q4_0/q4_0"


@pytest.fixture(scope="module")
def copied_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The control model as a file under another name, as it may lie on another host."""
    folder = tmp_path_factory.mktemp("models")
    return Path(shutil.copy(Control("robust").cached(cache_folder()), folder / "same.gguf"))


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory, copied_model: Path) -> Iterator[dict[str, sshd.Host]]:
    """Three hosts: as this one, with the same model elsewhere, with another model."""
    folder = tmp_path_factory.mktemp("hosts")
    (folder / "other.gguf").write_bytes(b"GGUF, but not the same")
    models = {"gpu2": copied_model, "gpu3": folder / "other.gguf"}
    environments = {name: {"CODENEEDLE_MODEL": str(model)} for name, model in models.items()}
    with sshd.running(folder / "ssh", gpu1={}, **environments) as found:
        yield {host.name: host for host in found}


def checkout(lab: Lab, name: str) -> Path:
    """The project's folder on a host."""
    return Path(shutil.copytree(lab.path / "corpora", lab.path / name / "corpora")).parent


def refusal(result: pytest.RunResult) -> str:
    """The one message of a usage error; ssh may have said something of its own before it."""
    assert pytest.ExitCode.USAGE_ERROR == result.ret
    (message,) = [line for line in result.errlines if line.startswith("ERROR: ")]
    return message


def answers(rows: list[dict[str, object]]) -> dict[tuple[object, ...], object]:
    """Who was asked -> what came back."""
    return {(row["ctk"], row["ctv"], row["function"]): (row["outcome"], row["response"]) for row in rows}


@pytest.mark.slow
def test_two_hosts_make_the_same_grid(lab: Lab, hosts: dict[str, sshd.Host], copied_model: Path) -> None:
    """Every answer is the same as without hosts; the logs come home, and run.json and the rows say who asked."""
    alone = lab.grid("--kv-pairs", PAIRS, "--kv-out=alone")
    far = [hosts["gpu1"].tx(checkout(lab, "one")), hosts["gpu2"].tx(checkout(lab, "deep/er/two"))]
    both = lab.grid("--kv-pairs", PAIRS, "--kv-devices", "0,1", *far)
    assert {"passed": 8} == both.parseoutcomes()
    assert matched(alone) == matched(both)
    expected = [
        json.loads(line) for line in (lab.path / "alone/results.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    assert answers(expected) == answers(lab.rows())
    assert {("gpu1", "0", 1), ("gpu2", "0", 1)} == {
        (row["host"], row["device"], row["servers_on_device"]) for row in lab.rows()
    }
    logs = sorted(log.name for log in (lab.folder / "servers").iterdir())
    assert sorted(pair.replace("/", "-") + ".log" for pair in PAIRS.split(",")) == logs
    assert all("listening" in (lab.folder / "servers" / log).read_text(encoding="utf-8") for log in logs)
    told = {host["name"]: host for host in lab.about()["hosts"]}
    assert {"gpu1": 1, "gpu2": 1} == {name: host["workers"] for name, host in told.items()}
    assert str(copied_model) == told["gpu2"]["model"]
    assert [] == list(Path(lab.path, "one").glob("*pytest*"))  # xdist's own pytest is not copied into a checkout


@pytest.mark.slow
def test_a_host_that_recalls_less(lab: Lab, tmp_path: Path) -> None:
    """Each host begins with the reference, and its cells are held against that: the host differs, and no cell does."""
    lab.corpus("eight", functions=8)
    server = (f"--kv-server={lab.reciting()}", "--kv-calibrate=on")
    with sshd.running(tmp_path / "two", good={}, short={"RECITE_SHORT": "1"}) as two:
        far = [host.tx(checkout(lab, f"on-{host.name}")) for host in two]
        result = lab.grid("--kv-types", "bf16,q4_0", *server, *far, corpus="eight")

    asked = {(row["host"], row["replicate"]) for row in lab.rows() if ("bf16", "bf16") == (row["ctk"], row["ctv"])}
    assert {"good", "short"} == {host for host, _ in asked}
    said = " ".join(" ".join(result.outlines).split())
    assert "bf16/bf16 against good: on short -1.00 lines" in said
    assert "Each cell is held against the reference of its own place." in said
    assert "no line differs: all 3 cells NOT WORSE" in said


@pytest.mark.slow
def test_other_model(lab: Lab, hosts: dict[str, sshd.Host]) -> None:
    """A host with another model stops the session before anything starts."""
    result = lab.grid("--kv-pairs", PAIRS, hosts["gpu1"].tx(checkout(lab, "one")), hosts["gpu3"].tx(lab.path / "one"))
    message = refusal(result)
    assert "host gpu3: model" in message
    assert "other.gguf" in message
    assert "set CODENEEDLE_MODEL there" in message
    assert not (lab.path / RUNS).exists()


@pytest.mark.slow
def test_other_corpus(lab: Lab, hosts: dict[str, sshd.Host]) -> None:
    """So does one with another text under the corpus's name."""
    folder = checkout(lab, "one")
    text = (folder / "corpora/tiny.toml").read_text(encoding="utf-8")
    (folder / "corpora/tiny.toml").write_text(text.replace("value_len = 24", "value_len = 25"), encoding="utf-8")
    message = refusal(lab.grid("--kv-pairs", PAIRS, hosts["gpu1"].tx(folder)))
    assert "host gpu1: corpus tiny is" in message


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(("ssh=gpu1", "ssh=gpu9"), "host gpu9 cannot be reached", id="no such host"),
        pytest.param(("//python=", "//python=/nowhere"), "host gpu1 does not answer", id="no Python"),
        pytest.param(("--tx=", "-n1 --tx="), "write --tx=1*popen for those here", id="-n too"),
        pytest.param(("--tx=", "--tx=9*"), "host gpu1: 9 servers at once would share", id="too many"),
    ],
)
def test_a_host_that_will_not_do(lab: Lab, hosts: dict[str, sshd.Host], change: tuple[str, str], expected: str) -> None:
    """A host that cannot be asked, and one that cannot bear so many servers, are named."""
    tx = hosts["gpu1"].tx(checkout(lab, "one")).replace(*change)
    assert expected in refusal(lab.grid("--kv-pairs", PAIRS, *tx.split()))


def test_path_of_this_machine(lab: Lab, hosts: dict[str, sshd.Host]) -> None:
    """An argument that xdist would take for a file to send is refused, with the way to write it."""
    lab.write("tiny/notes.txt", "a folder that is called like the corpus")
    message = refusal(lab.grid(hosts["gpu1"].tx(lab.path)))
    assert "--corpus=tiny" in message


@pytest.mark.slow
def test_nothing_outlives_the_controller(lab: Lab, hosts: dict[str, sshd.Host], copied_model: Path) -> None:
    """Killed, it leaves no worker and no server on its hosts."""
    controller = subprocess.Popen(
        [
            *GRID,
            "--corpus=tiny",
            hosts["gpu2"].tx(checkout(lab, "two")),
        ],
        cwd=lab.path,
        env={name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"},
        stdout=subprocess.DEVNULL,
    )
    wait_until(lambda: servers_of(copied_model) != [] or controller.poll() is not None)
    assert controller.poll() is None
    (server,) = servers_of(copied_model)
    worker = int(Path(f"/proc/{server}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])
    controller.send_signal(signal.SIGKILL)
    controller.wait()
    wait_until(lambda: not runs(worker))
    wait_until(lambda: servers_of(copied_model) == [])


def servers_of(model: Path) -> list[int]:
    """The processes that have that model among their arguments."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0") if entry.name.isdigit() else []
        except OSError:  # it ended in between
            continue
        if str(model).encode() in words:
            found.append(int(entry.name))
    return found
