"""Files among a server's arguments: by whatever flag or variable, in lists, with scales, in parts, out of presets."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import pytest

from pytest_codeneedle.server.contents.named_files import model_parts, named_files


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with files of these names, from where a server is started."""
    monkeypatch.chdir(tmp_path)
    for name in (
        "a.gguf",
        "b.gguf",
        "t.jinja",
        "keys.txt",
        "secret-sauce.gguf",
        "big-00001-of-00002.gguf",
        "big-00002-of-00002.gguf",
        "server.log",
    ):
        (tmp_path / name).write_text(name, encoding="ascii")
    os.mkfifo(tmp_path / "pipe")
    return tmp_path


@pytest.mark.parametrize(
    ("line", "labels"),
    [
        ("-ngl 99 --lora a.gguf", ["--lora a.gguf"]),
        ("--lora a.gguf,b.gguf", ["--lora a.gguf", "--lora b.gguf"]),
        ("--lora-scaled a.gguf:0.5,b.gguf:-1e-3", ["--lora-scaled a.gguf", "--lora-scaled b.gguf"]),
        ("--lora-scaled a.gguf 0.5", ["--lora-scaled a.gguf"]),
        ("--control-vector-scaled b.gguf:2", ["--control-vector-scaled b.gguf"]),
        ("--chat-template-file=t.jinja", ["--chat-template-file t.jinja"]),
        ("--a-flag-of-tomorrow ./t.jinja", ["--a-flag-of-tomorrow t.jinja"]),
        ("--tokenizer-file t.jinja", ["--tokenizer-file t.jinja"]),
        ("--logit-bias-file t.jinja", ["--logit-bias-file t.jinja"]),
        ("-md big-00001-of-00002.gguf", ["-md big-00001-of-00002.gguf", "-md big-00002-of-00002.gguf"]),
        ("--lora a.gguf --lora a.gguf", ["--lora a.gguf"]),
        ("--api-key-file keys.txt --ssl-cert-file=keys.txt --log-file keys.txt -lcd keys.txt", []),
        ("--mmproj pipe --lora none.gguf -c 4096", []),
        ("--lora a.gguf=0.5", ["--lora a.gguf"]),
        ("--lora=a.gguf=0.5", ["--lora a.gguf"]),
        ("--adapter type=lora,path=./a.gguf", ["--adapter a.gguf"]),
        ("--lora 'a.gguf;b.gguf'", ["--lora a.gguf", "--lora b.gguf"]),
        ("--lora a.gguf:b.gguf", ["--lora a.gguf", "--lora b.gguf"]),
        ("--lora 'a.gguf: 0.5, b.gguf: 2'", ["--lora a.gguf", "--lora b.gguf"]),
        ('--extra \'{"f": "a.gguf", "g": ["t.jinja"]}\'', ["--extra a.gguf", "--extra t.jinja"]),
        ("--config @t.jinja", ["--config t.jinja"]),
        ("@t.jinja", ["t.jinja"]),
        ("--config file:t.jinja", ["--config t.jinja"]),
        ("--lora pipe:a.gguf", ["--lora a.gguf"]),
        ("--set api-key-file=keys.txt,log:keys.txt,lora=a.gguf", ["--set a.gguf"]),
        ('--set \'{"api_key_file": "keys.txt"}\'', []),
        ("-o keys.txt", []),
        ("LOGFILE=t.jinja x=server.log", []),
        ("--lora a.gguf,secret-sauce.gguf", ["--lora a.gguf", "--lora secret-sauce.gguf"]),
        ("--kv-key-scales a.gguf --token-embedding t.jinja", ["--kv-key-scales a.gguf", "--token-embedding t.jinja"]),
    ],
)
def test_named(there: Path, line: str, labels: list[str]) -> None:
    """Each by its flag and its last name; what is none, or must not be read, is left out."""
    assert labels == list(named_files(shlex.split(line)))


def test_variables_name_files_too(there: Path) -> None:
    """llama-server reads most of its arguments from them."""
    environment = [("LLAMA_ARG_MMPROJ", str(there / "a.gguf")), ("LLAMA_ARG_API_KEY_FILE", "keys.txt")]

    assert {"LLAMA_ARG_MMPROJ a.gguf": there / "a.gguf"} == named_files([], environment)


def test_from_another_folder(
    there: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server may be elsewhere than this process; paths from the root stay what they are."""
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    words = ["--lora", "a.gguf,secret-sauce.gguf", "--mmproj", str(there / "b.gguf"), "--lora-dir", "."]

    assert {} == named_files(words[:2])
    found = named_files(words, [("LLAMA_ARG_CHAT_TEMPLATE_FILE", "t.jinja")], there)
    assert {there / "a.gguf", there / "secret-sauce.gguf", there / "b.gguf", there / "t.jinja"} <= {*found.values()}


def test_two_files_of_one_name(there: Path) -> None:
    """They are numbered."""
    (there / "sub").mkdir()
    (there / "sub" / "a.gguf").touch()
    found = named_files(["--lora", "a.gguf", "--lora", "sub/a.gguf"])

    assert {"--lora a.gguf": Path("a.gguf"), "--lora a.gguf (2)": Path("sub/a.gguf")} == found


def test_a_preset_names_files(there: Path) -> None:
    """Its text counts, and so do the files that it names; one that names itself is no riddle."""
    (there / "p.ini").write_text("[one]\nmmproj = b.gguf\nctx-size = 4096\nagain = p.ini\n", encoding="ascii")

    assert ["--models-preset p.ini", "p.ini: mmproj b.gguf", "p.ini: again p.ini"] == list(
        named_files(["--models-preset", "p.ini"])
    )


def test_a_url_of_a_file(there: Path) -> None:
    """With and without a host, its characters spelled as a URL has them; within a value too."""
    spaced = there / "my lora.gguf"
    spaced.touch()
    found = named_files(
        [f"file://{there}/a.gguf", f"--x=file://localhost{there}/my%20lora.gguf", f"p=file://{there}/b.gguf"]
    )

    assert [there / "a.gguf", spaced, there / "b.gguf"] == [path.resolve() for path in found.values()]


def test_a_remark_behind_a_setting(there: Path) -> None:
    """It is no part of the file's name, which may have spaces."""
    (there / "my b.gguf").touch()
    (there / "p.ini").write_text("mmproj = my b.gguf  ; sees\nlora = a.gguf # adapts\n", encoding="ascii")

    assert ["p.ini: mmproj my b.gguf", "p.ini: lora a.gguf"] == list(named_files(["--models-preset", "p.ini"]))[1:]


def test_the_files_of_a_folder(there: Path) -> None:
    """Those that a long flag or a variable names, in bounds; what is written there, or is secret, is none of them."""
    folder = there / "loras"
    folder.mkdir()
    os.mkfifo(folder / "pipe")
    for name in (
        "x.gguf",
        "server.log",
        "api_keys.txt",
        "tls.key",
        ".hidden",
        *(f"y{number}" for number in range(400)),
    ):
        (folder / name).touch()
    found = named_files(["--lora-dir", "loras", "-d", "loras", "--jinja", "--slot-save-path=loras"])

    assert {"--lora-dir"} == {label.split()[0] for label in found}
    assert "--lora-dir x.gguf" in found
    assert 300 == len(found)
    assert list(found.values()) == list(named_files(["--lora=loras"]).values())
    assert ["LLAMA_ARG_LORA x.gguf"] == [*named_files([], [("LLAMA_ARG_LORA", "loras"), ("LLAMA_CACHE", "loras")])][:1]
    assert {} == named_files([], [("LLAMA_CACHE", "loras"), ("HOME", "loras")])


def test_a_folder_within_a_folder(there: Path) -> None:
    """Its files count too; a link that leads back is not followed, and a place for the server's own pages is none."""
    deep = there / "loras" / "of" / "mine"
    deep.mkdir(parents=True)
    for name in ("x.gguf", "public-key.gguf", "api_keys.txt"):
        (deep / name).touch()
    (deep / "again").symlink_to(there / "loras")

    assert ["--lora-path public-key.gguf", "--lora-path x.gguf"] == list(named_files(["--lora-path", "loras"]))
    assert {} == named_files(["--path", "loras"], [("LLAMA_ARG_STATIC_PATH", "loras")])
    assert 2 == len(named_files([], [("GGML_OPENCL_KERNEL_DIR", "loras")]))


def test_the_models_of_a_folder(there: Path) -> None:
    """--models-dir; another folder is none of the server's to read from."""
    (there / "models").mkdir()
    (there / "models" / "m.gguf").touch()

    assert ["--models-dir m.gguf"] == list(named_files(["--models-dir", "models", "--slot-save-path", "models"]))


def test_parts_of_a_split_model(there: Path) -> None:
    """Those beside the one that is named; of a link to a part the other links are beside it."""
    links = there / "links"
    links.mkdir()
    for number in (1, 2):
        (links / f"big-0000{number}-of-00002.gguf").symlink_to(there / f"big-0000{number}-of-00002.gguf")
    second = "big-00002-of-00002.gguf"

    assert {f"model part {second}": there / second} == model_parts(there / "big-00001-of-00002.gguf")
    assert {f"model part {second}": links / second} == model_parts(links / "big-00001-of-00002.gguf")
    assert {} == model_parts(there / "a.gguf")
