"""A llama-server that recites: a fake, which answers in a millisecond and right, so that a session costs no compute.

For tests of what a session makes of its answers. Started by its path, as a user's own program is. It loses every line
of the functions that the variable RECITE_LOSES names with commas, in cells of a quantized K or V, and answers only
every other time that it is asked for those of RECITE_FLAKY. Each question is a line in the file RECITE_LOG. In other
cells it says nothing about those of RECITE_ONCE that stand in that file already. Of each answer it leaves out the last
line in every cell where RECITE_SHORT is set.
"""

from __future__ import annotations

import json
import os
import re
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

HELP = (
    "--cache-type-k --cache-type-v --flash-attn [on|off|auto] --log-verbosity --cache-ram --fit --no-warmup --offline"
)
LINES = 20


def value(flag: str, default: str) -> str:
    """What stands after the flag."""
    return sys.argv[sys.argv.index(flag) + 1] if flag in sys.argv else default


def words(text: str) -> list[str]:
    """The fake's tokens."""
    return re.findall(r"\w+|\s+|[^\w\s]", text)


def timings(prompt: str) -> dict[str, Any]:
    """What the fake says of its speed, with a whole prompt read."""
    return {"prompt_n": len(words(prompt)), "prompt_ms": 1.0, "predicted_n": 10, "predicted_ms": 1.0, "cache_n": 0}


def say(text: str) -> None:
    """A line of the log."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


class Reciter(BaseHTTPRequestHandler):
    """What a session asks of a llama-server."""

    asked: dict[str, int] = {}  # noqa: RUF012 - of all requests of this process

    def log_message(self, *_: object) -> None:
        """Nothing goes to the log."""

    def _json(self, told: dict[str, Any]) -> None:
        body = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        """/health and /props."""
        n_ctx = int(value("-c", "4096"))
        self._json({"status": "ok", "default_generation_settings": {"n_ctx": n_ctx}, "chat_template": "{{ it }}"})

    def do_POST(self) -> None:
        """/apply-template, /tokenize and /completion."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/apply-template":
            self._json({"prompt": body["messages"][0]["content"]})
        elif self.path == "/tokenize":
            self._json({"tokens": list(range(len(words(body["content"]))))})
        elif body.get("stream"):
            self._stream(body["prompt"], warm_up=body.get("n_predict") == 1)
        else:
            self._json({"content": "", "stop": True, "stop_type": "limit", "timings": timings(body["prompt"])})

    def _stream(self, prompt: str, *, warm_up: bool) -> None:
        told = timings(prompt)
        tokens = told["prompt_n"]
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        if not warm_up:
            told |= {"prompt_n": 5, "cache_n": tokens - 5}
            self._event({"content": self._answer(prompt), "stop": False})
        self._event({"content": "", "stop": True, "stop_type": "eos", "timings": told, "tokens_predicted": 10})

    def _event(self, told: dict[str, Any]) -> None:
        self.wfile.write(b"data: " + json.dumps(told).encode() + b"\n\n")

    def _answer(self, prompt: str) -> str:
        lines = prompt.split("\n")
        quoted = lines[-1]
        name = re.findall(r"\w+", quoted.partition("(")[0])[-1]
        self.asked[name] = self.asked.get(name, 0) + 1
        question, before = f"{value('-ctk', '')}/{value('-ctv', '')} {name}\n", ""
        if log := os.environ.get("RECITE_LOG"):
            before = Path(log).read_text(encoding="utf-8") if Path(log).exists() else ""
            with Path(log).open("a", encoding="utf-8") as opened:
                opened.write(question)
        quantized = not value("-ctk", "f16").endswith("16") or not value("-ctv", "f16").endswith("16")
        flaky = name in os.environ.get("RECITE_FLAKY", "").split(",") and self.asked[name] % 2
        if quantized and (flaky or name in os.environ.get("RECITE_LOSES", "").split(",")):
            return "nothing of it\n" * LINES
        if not quantized and question in before and name in os.environ.get("RECITE_ONCE", "").split(","):
            return ""
        length = LINES - 1 if "RECITE_SHORT" in os.environ else LINES
        return "\n".join(lines[lines.index(quoted) + 1 :][:length]) + "\n"


def main() -> None:
    """Serve until a signal ends it."""
    if "--help" in sys.argv:
        say(HELP)
    elif "--version" in sys.argv:
        say("version: 1 (fake)")
    elif "-ctk" in sys.argv:
        k, v, n_ctx = value("-ctk", ""), value("-ctv", ""), int(value("-c", "4096"))
        half = f"{n_ctx / 2048:.2f} MiB"
        size = f"size = {n_ctx / 1024:.2f} MiB ( {n_ctx} cells, 2 layers, 1/1 seqs), K ({k}): {half}, V ({v}): {half}"
        say(f"llama_kv_cache: {size}")
        server = ThreadingHTTPServer(("127.0.0.1", int(value("--port", "0"))), Reciter)
        say("server is listening on it")
        server.serve_forever()


if __name__ == "__main__":
    main()
