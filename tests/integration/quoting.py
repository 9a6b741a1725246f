"""A llama-server that quotes what it was asked, wherever it can: a fake, for no real one does it on demand.

How, the variable QUOTES says; in cells of a quantized K or V alone, but for `counting`, which is any server's.
"""

from __future__ import annotations

import base64
import html
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
import reciting

HOW = os.environ.get("QUOTES", "")
#: Characters of a text that a session tries a template with, before it sends any of the corpus.
PROBE = 500
QUANTIZED = any(not reciting.value(flag, "f16").endswith("16") for flag in ("-ctk", "-ctv"))


class Quoter(reciting.Reciter):
    """Answers as the reciter does, but for what QUOTES says."""

    def do_POST(self) -> None:  # noqa: N802 - the name that http.server calls
        """/apply-template, /tokenize and /completion."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        prompt = body["messages"][0]["content"] if "messages" in body else body.get("prompt") or body["content"]
        rendering = QUANTIZED and self.path == "/apply-template"
        if (HOW == "counting" and len(prompt) > PROBE) or (HOW == "template" and rendering):
            self._refuse(500, json.dumps({"error": {"message": f"cannot parse {json.dumps(prompt)}"}}))
        elif self.path == "/apply-template":
            self._json({"prompt": prompt})
        elif self.path == "/tokenize":
            self._json({"tokens": list(range(len(reciting.words(prompt))))})
        elif not (QUANTIZED and body.get("n_predict") != 1 and self._quoted(prompt)):
            self._stream(prompt, warm_up=body.get("n_predict") == 1)

    def _quoted(self, prompt: str) -> bool:  # noqa: C901 - a case for each way
        """Whether it answered with a quotation."""
        match HOW:
            case "validation":
                self._refuse(422, json.dumps({"detail": [{"loc": ["body"], "msg": "too long", "input": prompt}]}))
            case "page":
                self._refuse(502, f"<html><pre>{html.escape(prompt)}</pre></html>")
            case "base64":
                self._refuse(400, f"bad: {base64.b64encode(prompt.encode()).decode()}")
            case "tokens":
                self._refuse(400, json.dumps({"error": {"message": f"bad tokens: {[*prompt.encode()]}"}}))
            case "redirect":
                self._refuse(302, "", Location=f"http://[{prompt.splitlines()[4].strip()}]/")
            case "stream":
                self._say({"error": {"message": f"cannot go on: {prompt[:2000]}"}})
            case "timings":
                self._say({"content": "x", "stop": True, "stop_type": "eos", "timings": prompt})
            case "stop":
                self._say({"content": "nothing of it\n" * 20, "stop": True, "stop_type": prompt})
            case "no-json":
                self._say_line(f"data: {prompt[:2000].splitlines()!r}")
            case "log":
                reciting.say("\n".join([*prompt.splitlines()[-40:], f"prompt: {prompt!r}"]))
                os._exit(3)
            case "slow":
                time.sleep(30)
            case _:
                return False
        return True

    def _refuse(self, status: int, text: str, **headers: str) -> None:
        self.send_response(status)
        for name, content in headers.items():
            self.send_header(name, content)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def _say(self, told: dict[str, Any]) -> None:
        self._say_line(f"data: {json.dumps(told)}")

    def _say_line(self, line: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(f"{line}\n\n".encode())
        self.close_connection = True


if __name__ == "__main__":
    reciting.Reciter = Quoter  # type: ignore[misc]
    reciting.main()
