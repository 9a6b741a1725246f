"""What is private in the text of others, in all the ways in which text is written down."""

from __future__ import annotations

import base64
import html
import json
import quopri
import re
import unicodedata
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_codeneedle.corpus.random_bodies import RandomBodies
from pytest_codeneedle.corpus.withheld import LEAST, Withheld

if TYPE_CHECKING:
    from collections.abc import Callable

LINES = RandomBodies(functions=4, body_lines=20).text().split("\n")
CODE = [*LINES, "", "if (größe > 3) {", '    echo "<b>Straße</b>\\n";', "}", "    return a", ""]
TEXT = "\n".join(CODE)
NAMES = ["handle_request_of_users"]
IDS = [37 * number + 1000 for number in range(30)]
CORPUS = Withheld(f"def {NAMES[0]}():\n{TEXT}", NAMES)

WRITTEN: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "in JSON": json.dumps,
    "in JSON in JSON": lambda text: json.dumps(json.dumps(text)),
    "in Python": repr,
    "as bytes": lambda text: repr(text.encode()),
    "in HTML": html.escape,
    "JSON in HTML, twice": lambda text: html.escape(html.escape(json.dumps(text))),
    "in a URL": quote,
    "on one line": lambda text: " ".join(text.split()),
    "without white space": lambda text: "".join(text.split()),
    "with marks": lambda text: "\n".join(f"E   > {line}" for line in text.split("\n")),
    "with numbers": lambda text: "\n".join(f"{at:>4} | {line}" for at, line in enumerate(text.split("\n"))),
    "in capitals": lambda text: "".join(char.upper() if char.isascii() else char for char in text),
    "cut off": lambda text: text[7:-5],
    "left out in the middle": lambda text: f"{text[: len(text) // 2 - 20]}...{text[len(text) // 2 :]}",
    "in base64": lambda text: base64.b64encode(text.encode()).decode(),
    "in base64, cut off": lambda text: base64.b64encode(text.encode()).decode()[5:],
    "in hexadecimal": lambda text: text.encode().hex(),
    "as tokens": lambda text: json.dumps(text.split(" ")),
    "as tokens with ids": lambda text: json.dumps([{"id": at, "token": one} for at, one in enumerate(text.split())]),
}


def tokens(text: str) -> list[str]:
    """As a tokenizer may cut it."""
    return re.findall(r"\s?\w{1,6}|.", text, re.DOTALL)


def sixteen(data: bytes) -> list[tuple[int, bytes]]:
    """The data in pieces of 16 bytes, with where they begin."""
    return [(at, data[at : at + 16]) for at in range(0, len(data), 16)]


def seen(byte: int) -> str:
    """As dumps show it."""
    return chr(byte) if 32 <= byte < 127 else "."


def dumped(data: bytes) -> list[str]:
    """The lines of `hexdump -C`."""
    return [f"{at:08x}  {part.hex(' '):<48}  |{''.join(map(seen, part))}|" for at, part in sixteen(data)]


#: With more between the parts of a quotation than of the quotation itself.
SPREAD: dict[str, Callable[[str], str]] = {
    "one token a line": lambda text: "".join(f"\ntoken {at}: {one!r}" for at, one in enumerate(tokens(text))),
    "one token a line, as it is": lambda text: "".join(f"\ntoken {at}: '{one}'" for at, one in enumerate(tokens(text))),
    "with names": lambda text: " ".join(f"w{at}={one}" for at, one in enumerate(text.split())),
    "in elements": lambda text: "".join(f'<t i="{at}">{html.escape(one)}</t>' for at, one in enumerate(tokens(text))),
    "elements in HTML": lambda text: html.escape("".join(f"<t>{html.escape(one)}</t>" for one in tokens(text))),
    "counted": lambda text: ", ".join(f"{json.dumps(one)}: {at}" for at, one in enumerate(tokens(text))),
    "in colours": lambda text: "".join(f"\x1b[1;31m{one}\x1b[0m" for one in tokens(text)),
    "in colours, escaped": lambda text: "".join(f"\\x1b[31m{one}\\u001b[0m\\033[K" for one in tokens(text)),
    "in colours, JSON": lambda text: json.dumps("".join(f"\x1b[31m{one}\x1b[0m" for one in tokens(text))),
    "byte pairs": lambda text: text.translate({32: "\u0120", 10: "\u010a", 9: "\u0109"}),
    "byte pairs, JSON": lambda text: json.dumps(tokens(text.replace(" ", "\u0120").replace("\n", "\u010a"))),
    "pieces": lambda text: text.replace(" ", "\u2581").replace("\n", "<0x0A>"),
    "as a dump": lambda text: "\n" + "\n".join(dumped(text.encode())),
    "as the text of a dump": lambda text: "\n" + "\n".join(f"{line[:8]} {line[58:]}" for line in dumped(text.encode())),
    "as a dump in pairs": lambda text: "".join(
        f"\n{at:08x}: {part.hex(' ', 2)}  {''.join(map(seen, part))}" for at, part in sixteen(text.encode())
    ),
    "in spaced digits": lambda text: text.encode().hex(" "),
    "in digits with colons": lambda text: text.encode().hex(":").upper(),
    "as bytes of C": lambda text: ", ".join(f"0x{byte:02x}" for byte in text.encode()),
    "in octal": lambda text: "".join(f"\\{byte:03o}" for byte in text.encode()),
    "in long escapes": lambda text: "".join(f"\\U{ord(char):08x}" for char in text),
    "in braces": lambda text: "".join(f"\\u{{{ord(char):x}}}" for char in text),
    "in escapes of URLs": lambda text: "".join(f"%u{ord(char):04x}" for char in text),
    "as code points": lambda text: " ".join(f"U+{ord(char):04X}" for char in text),
    "quoted-printable": lambda text: quopri.encodestring(text.encode()).decode(),
    "all quoted-printable": lambda text: "".join(f"={byte:02X}" for byte in text.encode()),
    "in base32": lambda text: base64.b32encode(text.encode()).decode(),
    "in full width": lambda text: "".join(chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char for char in text),
    "decomposed": lambda text: unicodedata.normalize("NFD", text),
}


def left(shown: str) -> list[str]:
    """The lines of the corpus that are still shown."""
    return [line for line in map(str.strip, LINES) if len(line) >= 2 * LEAST and line in shown]


@pytest.mark.parametrize("written", WRITTEN.values(), ids=WRITTEN)
def test_however_it_is_written(written: Callable[[str], str]) -> None:
    """Nothing of the quotation is left; what stands around it is."""
    quoted = written("\n".join(CODE[30:-1]))
    shown = CORPUS.taken_out(f"HTTP 500: cannot parse, messages = {quoted}; give a shorter one")
    assert shown.startswith("HTTP 500: cannot parse, messages = ")
    assert shown.endswith("; give a shorter one")
    assert " characters of the corpus]" in shown
    assert len(shown) < 160 + 6 * LEAST
    assert "stra" not in shown.lower()


@pytest.mark.parametrize("written", SPREAD.values(), ids=SPREAD)
def test_whatever_stands_between_its_parts(written: Callable[[str], str]) -> None:
    """But for the ends, which have too little of it, all of that goes as well."""
    quoted = written("\n".join(CODE[30:-1]))
    shown = CORPUS.taken_out(f"HTTP 500: cannot parse, messages = {quoted}; give a shorter one")
    assert shown.startswith("HTTP 500: cannot parse, messages = ")
    assert shown.endswith("; give a shorter one")
    assert " characters of the corpus]" in shown
    assert len(shown) < 160 + len(quoted) // 12


@given(st.integers(0, len(TEXT) - 60), st.integers(40, 2000), st.sampled_from(sorted(WRITTEN)))
def test_wherever_it_was_cut_out(start: int, length: int, way: str) -> None:
    """No whole line of it is shown."""
    quoted = TEXT[start : start + length]
    assert [] == left(CORPUS.taken_out(f"oops: {WRITTEN[way](quoted)}"))


def test_how_long_it_was_is_said() -> None:
    """In its place; the quote at its end is nobody's."""
    line = LINES[3].strip()
    assert f'near <[{len(line) - 1} characters of the corpus]">' == CORPUS.taken_out(f"near <{line}>")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "bf16/bf16: HTTP 500: the server broke off its answer. The last lines of servers/bf16-bf16.log:\n(it is empty)",
        f"test_recall[q8_0/q4_0-{NAMES[0]}]: 3 of 20 lines recalled",
        "return",
        "20.00 20.00 19.50 20.00 18.25 20.00 20.00 20.00",
        "ab",
        (
            '{"error":{"code":400,"message":"request (5120 tokens) exceeds the available context size (4096 tokens), '
            'try increasing it","type":"exceed_context_size_error","n_prompt_tokens":5120,"n_ctx":4096}}'
        ),
        '{"error":{"code":500,"message":"Failed to parse input at pos 12: <|im_end|>","type":"server_error"}}',
        '{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}',
        (
            "ggml_backend_cuda_buffer_type_alloc_buffer: allocating 8192.00 MiB on device 0: cudaMalloc failed: out of "
            "memory\nllama_init_from_model: failed to initialize the context: failed to allocate buffer for kv cache"
        ),
        (
            "CUDA error: an illegal memory access was encountered\n  current device: 0, in function "
            "ggml_backend_cuda_synchronize at ggml/src/ggml-cuda/ggml-cuda.cu:2924\n  cudaStreamSynchronize(stream())"
        ),
        "slot launch_slot_: id  0 | task 3 | processing task\nslot release: id  0 | task 3 | stop: n_tokens = 96",
        "GET /health: unknown key 'return' or 'else', name: \"echo\" <b>if</b> return=3",
        "00000000  00 01 02 03 ff fe fd fc 10 11 12 13 14 15 16 17  |................|",
    ],
)
def test_what_is_no_quotation(text: str) -> None:
    """Words of a server, names, figures."""
    assert text == CORPUS.taken_out(text)


def test_a_short_line_is_one_where_it_stands_alone() -> None:
    """Of a few characters all have to be the same."""
    assert "1\n    [8 characters of the corpus]\nreturn b" == CORPUS.taken_out("1\n    return a\nreturn b")


def test_ids_of_tokens() -> None:
    """They are the text."""
    assert "prompt: [[numbers that may be tokens]]" == CORPUS.taken_out(f"prompt: {list(range(3, 500))}")
    assert "1, 2, 3" == CORPUS.taken_out("1, 2, 3")


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"a": {"tokens": IDS}}, indent=6),
        "|".join(map(str, IDS)),
        " -> ".join(map(str, IDS)),
        "".join(f"[{number}]" for number in IDS),
        ", ".join(map(hex, IDS)),
        ", ".join(f"{number}.0" for number in IDS),
        "\n".join(map(str, IDS)),
        "\n".join(f"tok = {number}, logit = 0.5" for number in IDS),
        json.dumps([{"id": number, "logprob": -0.25} for number in IDS]),
    ],
)
def test_ids_of_tokens_in_any_form(text: str) -> None:
    """Whatever stands between them, and where each is called so."""
    shown = CORPUS.taken_out(text)

    assert "[numbers that may be tokens]" in shown or shown.count("#") == len(IDS)
    assert [] == [number for number in IDS if re.search(rf"\b{number}\b|{number:#x}", shown)]


@pytest.mark.parametrize(
    "text",
    [
        "bf16      20.00   19.75   20.00   20.00   18.50   20.00   20.00   20.00   20.00",
        "\n".join(f"slot update: id  0 | task {number} | n_tokens = 512" for number in range(20)),
        "[2048, 16, 1, 1] at 2026-11-30 21:46:22 1.2.3.4.5.6.7.8.9 10:20:30:40:50:60:70:80:90",
    ],
)
def test_numbers_that_are_none(text: str) -> None:
    """Figures, the slot of a server, shapes, times, versions."""
    assert text == CORPUS.taken_out(text)


def test_long_texts_are_cut() -> None:
    """And it is said: an error begins with what it says and ends with a log."""
    assert "x ... 80007 more characters ... x" in CORPUS.taken_out("x" * 400_007)


@given(st.text("\\&%;ux00np\"'[]{}<> ,1a\n", max_size=300))
def test_any_text_goes_through(text: str) -> None:
    """Half an escape is text."""
    assert len(CORPUS.taken_out(text)) <= len(text) + 40


def test_names_of_the_corpus_in_sentences() -> None:
    """Several words that only code has are a list of them; fewer may be chance."""
    code = ["vault_magane", "readPort", "wire_mask", "tidyLamp", "old_kiosk"]
    corpus = Withheld("\n".join(f"{one} = [0]" for one in code))
    shown = corpus.taken_out("; ".join(f"{one} at offset {at} of what this user asked" for at, one in enumerate(code)))
    assert not [one for one in code if one in shown]
    few = "; ".join(f"{one} at offset 3" for one in code[:3])
    assert few == corpus.taken_out(few)
