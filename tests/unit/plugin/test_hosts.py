from __future__ import annotations

from typing import TYPE_CHECKING, Any

import execnet
import pytest

from pytest_codeneedle.core.errors import ConfigurationError
from pytest_codeneedle.core.private_files import folder_of_its_own
from pytest_codeneedle.plugin import host_check
from pytest_codeneedle.plugin import remote_logs as server_logs
from pytest_codeneedle.plugin.hosts import compare, host_of
from pytest_codeneedle.runs.folder import SERVERS

if TYPE_CHECKING:
    from pathlib import Path

HERE: dict[str, Any] = {
    "package": "0.1.0 (aa)",
    "settings": {"think": "auto"},
    "corpora": {"mine": "1" * 64},
    "questions": "2" * 64,
    "model": "/m/model.gguf",
    "model_sha256": "3" * 64,
    "server": "version: 1 (a)",
    "files": {"--chat-template-file t.jinja": "7" * 64},
    "program": {"server llama-server": "8" * 64},
}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("popen", "local"),
        ("popen//python=python3.12", "local"),
        ("ssh=me@gpu1//python=x", "me@gpu1"),
        ("socket=gpu1:8888", "gpu1:8888"),
        ("popen//via=gateway", "gateway"),
    ],
)
def test_name(spec: str, expected: str) -> None:
    """How a host is called by what --tx says of it."""
    assert expected == host_of(execnet.XSpec(spec))


def test_same() -> None:
    """Another path of the same model is fine, and a build that is not told is no other build."""
    compare("gpu1", HERE, {**HERE, "model": "/other/path.gguf"})
    compare("gpu1", HERE, {**HERE, "server": None})


@pytest.mark.parametrize(
    ("differs", "said"),
    [
        pytest.param({"package": "", "executable": "/bin/py"}, "/bin/py has no pytest-codeneedle; install", id="none"),
        pytest.param({"package": "0.2.0 (bb)"}, r"is 0.2.0 \(bb\) there and 0.1.0 \(aa\) here", id="package"),
        pytest.param({"error": "no corpus"}, "no corpus", id="error"),
        pytest.param({"settings": {"think": "on"}}, "setting think is on there and auto here", id="setting"),
        pytest.param({"corpora": {"mine": "4" * 64}}, "corpus mine is 44444444 there and 11111111 here", id="corpus"),
        pytest.param({"questions": "5" * 64}, "the questions is 55555555 there", id="questions"),
        pytest.param(
            {"model": "/x.gguf", "model_sha256": "6" * 64},
            r"model is /x.gguf \(66666666\) there and /m/model.gguf \(33333333\) here; set CODENEEDLE_MODEL",
            id="model",
        ),
        pytest.param({"model": None, "model_sha256": None}, "model is fetched by the server there", id="no file"),
        pytest.param({"server": "version: 2 (b)"}, r"server is version: 2 \(b\) there", id="build"),
        pytest.param(
            {"files": {"--chat-template-file t.jinja": "9" * 64}},
            "--chat-template-file t.jinja is 99999999 there and 77777777 here; copy the same file to both",
            id="file",
        ),
        pytest.param({"files": {}}, "t.jinja is none there and 77777777 here", id="no such file"),
        pytest.param(
            {"program": {"server llama-server": "9" * 64}},
            "server llama-server is 99999999 there and 88888888 here; a grid cannot mix builds",
            id="one version, two builds",
        ),
    ],
)
def test_different(differs: dict[str, Any], said: str) -> None:
    """The host, the thing, both values and the way out are named."""
    with pytest.raises(ConfigurationError, match=f"host gpu1: .*{said}"):
        compare("gpu1", HERE, {**HERE, **differs})


def test_package() -> None:
    """The version and a hash of what is installed, so that two checkouts of one version are told apart."""
    assert host_check.package() == host_check.package()
    assert host_check.package().startswith("0.")


def test_another_package() -> None:
    """Nothing of another version is asked for anything."""
    assert {"package", "executable"} == set(host_check.check([], "0.0.1 (00)"))


def test_logs_come_home(tmp_path: Path) -> None:
    """Logs keep their names, none is overwritten, and none goes elsewhere, whatever it is called."""
    there, here = folder_of_its_own(), tmp_path / "run"
    assert 0o700 == there.stat().st_mode & 0o777
    for folder in (there, here):
        (folder / SERVERS).mkdir(parents=True)
    (there / SERVERS / "q8_0-q8_0.log").write_text("far", encoding="utf-8")
    (here / SERVERS / "q8_0-q8_0.log").write_text("near", encoding="utf-8")
    server_logs.unpack(server_logs.packed({"mine": there}), {"mine": here})
    server_logs.unpack({"mine": {"../../up.log": ""}, "other": {"x.log": ""}}, {"mine": here})
    assert ["q8_0-q8_0.log", "q8_0-q8_0.log-2", "up.log"] == sorted(path.name for path in (here / SERVERS).iterdir())
    assert "near" == (here / SERVERS / "q8_0-q8_0.log").read_text(encoding="utf-8")
