"""The key of an endpoint: where it is read from, and that nothing shows it."""

from __future__ import annotations

import base64
import copy
import dataclasses
import html
import json
import pickle
import pprint
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_codeneedle.core.errors import ConfigurationError
from pytest_codeneedle.server.http.api_key import ApiKey, read_api_key

SECRET = 'sk-Geheim/1+2"3\\4'
VARIABLE = "CODENEEDLE_TEST_KEY"
keys = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=8, max_size=40)


@dataclass(frozen=True)
class Holder:
    """Something with a key in it, as a client is."""

    key: ApiKey


@pytest.fixture
def variable(monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of an environment variable that holds the key, and a line end."""
    monkeypatch.setenv(VARIABLE, f"{SECRET}\n")
    return VARIABLE


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file that holds the key, and a line end."""
    path = tmp_path / "key.txt"
    path.write_text(f"{SECRET}\n", encoding="utf-8")
    return path


def test_a_key_goes_into_one_header() -> None:
    """As a bearer token, which is what OpenAI-compatible servers read."""
    assert {"Authorization": f"Bearer {SECRET}"} == ApiKey(SECRET).header()


@pytest.mark.parametrize("show", [str, repr, "{}".format, "%s".__mod__, "%r".__mod__, pprint.pformat])
def test_no_way_to_show_it_shows_it(show: object) -> None:
    """By itself, and as a part of something that is shown."""
    assert callable(show)
    for thing in (ApiKey(SECRET), Holder(ApiKey(SECRET)), [ApiKey(SECRET)]):
        assert "Geheim" not in show(thing)
        assert "[key]" in show(thing)


@pytest.mark.parametrize("write", [pickle.dumps, json.dumps, copy.copy, copy.deepcopy, vars])
def test_no_way_to_write_it_writes_it(write: object) -> None:
    """By accident, that is: all of them are TypeErrors."""
    assert callable(write)
    with pytest.raises(TypeError) as caught:
        write(ApiKey(SECRET))
    assert "Geheim" not in str(caught.value)


def test_a_record_of_its_holder_is_refused() -> None:
    """dataclasses.asdict, the way into run.json, copies what it finds."""
    with pytest.raises(TypeError):
        dataclasses.asdict(Holder(ApiKey(SECRET)))


@given(keys, st.sampled_from([str, lambda key: json.dumps({"said": key}), lambda key: quote(key, safe="")]))
def test_a_text_that_holds_the_key_is_without_it(key: str, written: object) -> None:
    """Plain, in JSON and in a URL."""
    assert callable(written)
    hidden = ApiKey(key).hide(f"wrong key {written(key)}, see the manual")

    assert key not in hidden
    assert written(key) not in hidden
    assert "[key]" in hidden


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no key here", "no key here"),
        ("provided: sk-proj-********cdef. See", "provided: [key] See"),
        ("Bearer abcdefgh", "Bearer [key]"),
        ("a ** b", "a ** b"),
    ],
)
def test_what_else_is_hidden_of_a_servers_words(text: str, expected: str) -> None:
    """What a server masked itself shows the key's ends; nothing else is changed."""
    assert expected == ApiKey("abcdefgh").hide_echo(text)


def test_stars_in_an_answer_stay() -> None:
    """Source code has lines of them, and an answer is recorded as it came."""
    assert "/***** [key] *****/" == ApiKey("abcdefgh").hide("/***** abcdefgh *****/")


def test_a_slash_may_be_escaped() -> None:
    """Some servers' JSON escapes it."""
    assert 'no [key]"' == ApiKey("abc/defgh").hide('no abc\\/defgh"')


def test_where_a_key_is_read_from(variable: str, file: Path) -> None:
    """A variable or a file, without the white space around it; without either there is none."""
    expected = ApiKey(SECRET).header()
    for key in (read_api_key(variable=variable, file=None), read_api_key(variable=None, file=file)):
        assert key is not None
        assert expected == key.header()
    assert read_api_key(variable=None, file=None) is None


def test_a_byte_order_mark_is_no_part_of_it(file: Path) -> None:
    """Some editors write one."""
    file.write_text(SECRET, encoding="utf-8-sig")
    key = read_api_key(variable=None, file=file)

    assert key is not None
    assert ApiKey(SECRET).header() == key.header()


def test_two_places_are_one_too_many(variable: str, file: Path) -> None:
    """Which of them is meant is not guessed."""
    with pytest.raises(ConfigurationError, match=r"^--kv-api-key-env and --kv-api-key-file both name a key"):
        read_api_key(variable=variable, file=file)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "the environment variable CODENEEDLE_TEST_KEY is not set; --kv-api-key-env takes the name of"),
        (" \n", "the environment variable CODENEEDLE_TEST_KEY is empty: set it to the key"),
        ("two Geheim", "the environment variable CODENEEDLE_TEST_KEY holds something else than one key"),
        ("schl\u00fcssel-Geheim", "the environment variable CODENEEDLE_TEST_KEY holds something else than one key"),
    ],
)
def test_a_variable_without_a_key(value: str | None, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the variable and shows nothing of its value."""
    monkeypatch.delenv(VARIABLE, raising=False)
    if value is not None:
        monkeypatch.setenv(VARIABLE, value)

    with pytest.raises(ConfigurationError) as caught:
        read_api_key(variable=VARIABLE, file=None)
    assert str(caught.value).startswith(said)
    assert "Geheim" not in str(caught.value)


def test_a_key_in_place_of_a_name_is_not_shown() -> None:
    """The mistake that is easily made."""
    with pytest.raises(ConfigurationError, match=r"^the environment variable that --kv-api-key-env names is not set"):
        read_api_key(variable="gsk_geheim", file=None)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b" \n", "is empty: write the key into it"),
        (b"one\ntwo\n", "holds something else than one key"),
        (b"GGUF\x03\x00\x00\x00\xff\xfe", "holds something else than one key"),
    ],
)
def test_a_file_without_a_key(content: bytes, said: str, file: Path) -> None:
    """Empty, several lines, or no text at all."""
    file.write_bytes(content)

    with pytest.raises(ConfigurationError) as caught:
        read_api_key(variable=None, file=file)
    assert str(caught.value).startswith(f"the key file {file} {said}")


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    """Not there, or a folder: the path and the reason."""
    for path, said in ((tmp_path / "gone", "No such file or directory"), (tmp_path, "Is a directory")):
        with pytest.raises(ConfigurationError) as caught:
            read_api_key(variable=None, file=path)
        assert str(caught.value).startswith(f"the key file {path} cannot be read: {said}; --kv-api-key-file takes")


def test_a_file_in_the_home_folder(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--kv-api-key-file=~/key.txt` is not expanded by every shell."""
    monkeypatch.setenv("HOME", str(file.parent))

    assert read_api_key(variable=None, file=Path("~/key.txt")) is not None


ENDPOINT = "Zx81QpLm+Tn/Wv20EYk9"


@pytest.mark.parametrize(
    "echoed",
    [
        ENDPOINT.upper(),
        ENDPOINT.lower(),
        "".join(f"%{ord(char):02x}" for char in ENDPOINT),
        "".join(f"\\u{ord(char):04x}" for char in ENDPOINT),
        "".join(f"&#{ord(char)};" for char in ENDPOINT),
        quote(quote(ENDPOINT, safe="")),
        base64.b64encode(ENDPOINT.encode()).decode(),
        base64.urlsafe_b64encode(ENDPOINT.encode()).decode().rstrip("="),
        ENDPOINT.encode().hex(),
        "Zx81QpLm...EYk9",
        "Zx81********EYk9",
        "Zx8…",
        "...EYk9",
        "Zx81[...]EYk9",
    ],
)
def test_a_key_that_a_server_echoes_in_another_form(echoed: str) -> None:
    """Escaped, encoded, in capitals, or only its ends: none of it is shown, all around it is."""
    assert "Invalid key [key] given" == ApiKey(ENDPOINT).hide_echo(f"Invalid key {echoed} given")


@given(keys, st.sampled_from(["", "a", "me:", "Bearer "]), st.sampled_from(["", "!", "\n", ":x"]))
def test_a_key_within_base64(secret: str, before: str, behind: str) -> None:
    """Of a header or a login that has it."""
    blob = base64.b64encode(f"{before}{secret}{behind}".encode()).decode()
    shown = ApiKey(secret).hide(blob)
    assert "[key]" in shown
    assert len(shown) <= len("[key]") + 14


@given(keys)
def test_a_key_within_html(secret: str) -> None:
    """Its escapes are read."""
    assert "<[key]>" == ApiKey(secret).hide(f"<{html.escape(secret)}>")


def test_a_short_key_is_one_as_it_is_written() -> None:
    """In capitals it would be a word; what others shorten is theirs."""
    assert "A KEY is [key] ..." == ApiKey("key").hide_echo("A KEY is key ...")
    assert "loading model ... 9 of 10, retry...soon" == ApiKey(ENDPOINT).hide_echo(
        "loading model ... 9 of 10, retry...soon"
    )
