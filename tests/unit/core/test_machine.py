"""Cores that a server may use, and where computed models are kept."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import pytest

from pytest_codeneedle.core import machine


@pytest.fixture
def computer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine of eight processors, as a folder of fakes: this test cannot choose the hardware it runs on."""
    monkeypatch.setattr(machine, "_CPU_MAX", tmp_path / "cpu.max")
    monkeypatch.setattr(machine, "_SIBLINGS", str(tmp_path / "cpu{}"))
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(8)), raising=False)
    return tmp_path


def test_every_processor_without_siblings_is_a_core(computer: Path) -> None:
    """Where the system says nothing of hyper-threads and quotas, the affinity counts."""
    assert 8 == machine.cores()


def test_hyper_threads_are_one_core(computer: Path) -> None:
    """Two processors with the same siblings share a core."""
    for cpu in range(8):
        (computer / f"cpu{cpu}").write_text(f"{cpu % 4},{cpu % 4 + 4}\n", encoding="ascii")

    assert 4 == machine.cores()


@pytest.mark.parametrize(
    ("cpu_max", "cores"),
    [
        ("max 100000\n", 8),
        ("300000 100000\n", 3),
        ("350000 100000\n", 3),
        ("50000 100000\n", 1),
        ("9900000 100000\n", 8),
        ("unreadable", 8),
    ],
)
def test_a_containers_quota_counts_in_whole_cores(computer: Path, cpu_max: str, cores: int) -> None:
    """Half a core is one; a quota above the machine adds nothing."""
    (computer / "cpu.max").write_text(cpu_max, encoding="ascii")

    assert cores == machine.cores()


def test_affinity_limits_the_cores(computer: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that is bound to three processors has three."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {1, 5, 6})

    assert 3 == machine.cores()


@pytest.mark.parametrize(("count", "cores"), [(6, 6), (None, 1)])
def test_a_system_without_affinities(
    computer: Path, monkeypatch: pytest.MonkeyPatch, count: int | None, cores: int
) -> None:
    """Then the number of processors counts, and one where that is not known."""
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: count)

    assert cores == machine.cores()


def test_this_machine_has_cores() -> None:
    """Read from the real system: at least one, and no more than processors."""
    assert 1 <= machine.cores() <= (os.cpu_count() or 1)


def test_a_record_describes_the_machine() -> None:
    """System, architecture, cores, Python: plain values."""
    assert {
        "system": f"{platform.system()} {platform.release()}",
        "architecture": platform.machine(),
        "cores": machine.cores(),
        "python": platform.python_version(),
    } == machine.describe()


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"XDG_CACHE_HOME": "/x", "LOCALAPPDATA": "/l", "HOME": "/h"}, "/x/pytest-codeneedle"),
        ({"LOCALAPPDATA": "/l", "HOME": "/h"}, "/l/pytest-codeneedle"),
        ({"XDG_CACHE_HOME": "", "HOME": "/h"}, "/h/.cache/pytest-codeneedle"),
    ],
)
def test_the_cache_folder_follows_the_environment(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], expected: str
) -> None:
    """The user's own choice first; an empty one is none."""
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert Path(expected) == machine.cache_folder()


X86 = "processor\t: 0\nmodel name\t: Some CPU\nflags\t\t: fpu avx2 smep fma avx512_bf16 aes\n\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param(X86 * 2, {"cpu": "Some CPU", "instructions": "avx2 avx512_bf16 fma"}, id="x86"),
        pytest.param("Features\t: fp asimd i8mm sve2\n", {"instructions": "asimd i8mm sve2"}, id="arm"),
        pytest.param("", {"instructions": None}, id="nothing"),
    ],
)
def test_what_computes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, told: dict[str, object]) -> None:
    """The processor's name, and its instructions for vectors; the others do not round."""
    (tmp_path / "cpuinfo").write_text(text, encoding="ascii")
    monkeypatch.setattr(machine, "_CPU_INFO", tmp_path / "cpuinfo")

    assert told.items() <= machine.processor().items()


def test_no_driver_is_normal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a GPU there is none; else the kernel tells its version."""
    monkeypatch.setattr(machine, "_MODULES", str(tmp_path / "{}"))
    assert machine.drivers() is None
    (tmp_path / "nvidia").write_text("550.54.15\n", encoding="ascii")
    assert "nvidia 550.54.15" == machine.drivers()
