"""llama.cpp's own server out of the xllamacpp wheel, with llama-server's flags.

`python -m pytest_codeneedle.embedded -m MODEL -ctk q8_0 -ctv q4_0 -c 4096 --port 8080` runs until it is ended.
It answers what llama-server answers, for it is the same C++ code; the wheel has no command line of its own.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from pytest_codeneedle.core.kv_types import BITS
from pytest_codeneedle.core.output import complain, say
from pytest_codeneedle.core.parsing import parse_json

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_ON_OFF = ("on", "off")


def _json_object(text: str) -> dict[str, Any]:
    """The object that a JSON text is. Raises ArgumentTypeError."""
    try:
        value = parse_json(text)
    except ValueError as error:
        msg = f"{text!r} is not JSON: {error}"
        raise argparse.ArgumentTypeError(msg) from error
    if not isinstance(value, dict):
        msg = f'{text!r} is no JSON object, such as {{"enable_thinking": false}}'
        raise argparse.ArgumentTypeError(msg)
    return value


class _Version(argparse.Action):
    """Print what llama-server prints, and end. The package is looked up only then."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        parser.exit(message=f"version: xllamacpp {importlib.metadata.version('xllamacpp')}\n")


def parser() -> argparse.ArgumentParser:
    """The flags of llama-server that the embedded server takes, under the same names."""
    flags = argparse.ArgumentParser(
        prog="python -m pytest_codeneedle.embedded",
        description="llama.cpp's server from the xllamacpp wheel, with llama-server's flags.",
        allow_abbrev=False,
    )
    add = flags.add_argument
    add("-m", "--model", required=True)
    add("-a", "--alias")
    add("-c", "--ctx-size", type=int, default=0)
    add("-np", "--parallel", type=int, default=1)
    add("-b", "--batch-size", type=int)
    add("-ub", "--ubatch-size", type=int)
    add("-t", "--threads", type=int)
    add("-tb", "--threads-batch", type=int)
    add("-ngl", "--gpu-layers", "--n-gpu-layers", type=int)
    add("-mg", "--main-gpu", type=int)
    add("-fa", "--flash-attn", choices=("on", "off", "auto"), default="auto")
    add("-ctk", "--cache-type-k", choices=(*BITS, "iq4_nl"), default="f16")
    add("-ctv", "--cache-type-v", choices=(*BITS, "iq4_nl"), default="f16")
    add("-nkvo", "--no-kv-offload", action="store_true")
    add("--rope-freq-base", type=float)
    add("--rope-freq-scale", type=float)
    add("--host", default="127.0.0.1")
    add("--port", type=int, default=8080)
    key = os.environ.get("LLAMA_API_KEY")  # as llama-server has it: arguments can be read by other users
    add("--api-key", action="append", default=[key] if key else [])
    template = flags.add_mutually_exclusive_group()
    template.add_argument("--chat-template")
    template.add_argument("--chat-template-file", type=Path, help="a file that holds the template")
    add("--chat-template-kwargs", type=_json_object, default={}, help="more variables of the template, as JSON")
    add("--reasoning-budget", type=int, help="tokens of thinking: -1 for any number, 0 for none")
    add("--jinja", action=argparse.BooleanOptionalAction, default=True)
    add("-cram", "--cache-ram", type=int)
    add("-fit", "--fit", choices=_ON_OFF)
    add("--warmup", action=argparse.BooleanOptionalAction, default=True)
    add("--swa-full", action="store_true")
    add("--metrics", action="store_true")
    add("--slots", action=argparse.BooleanOptionalAction, default=True)
    add("-lv", "--verbosity", "--log-verbosity", type=int, help="2: warning, 3: info, 4: trace, 5: debug")
    add("--version", action=_Version, nargs=0, help="print the version of xllamacpp")
    return flags


#: Flag -> attribute of xllamacpp's CommonParams, where the value is set as it is.
_PLAIN = {
    "ctx_size": "n_ctx",
    "parallel": "n_parallel",
    "batch_size": "n_batch",
    "ubatch_size": "n_ubatch",
    "gpu_layers": "n_gpu_layers",
    "main_gpu": "main_gpu",
    "no_kv_offload": "no_kv_offload",
    "rope_freq_base": "rope_freq_base",
    "rope_freq_scale": "rope_freq_scale",
    "port": "port",
    "chat_template": "chat_template",
    "jinja": "use_jinja",
    "cache_ram": "cache_ram_mib",
    "warmup": "warmup",
    "swa_full": "swa_full",
    "metrics": "endpoint_metrics",
    "slots": "endpoint_slots",
    "verbosity": "verbosity",
}


def params(flags: argparse.Namespace) -> Any:  # noqa: ANN401 - xllamacpp has no type information
    """The flags as xllamacpp's CommonParams; what is not given keeps llama.cpp's default."""
    import xllamacpp  # noqa: PLC0415 - an extra: imported where it is used

    wanted = xllamacpp.CommonParams()
    wanted.model.path = flags.model
    wanted.hostnames = [flags.host]
    for flag, attribute in _PLAIN.items():
        value = getattr(flags, flag)
        if value is not None:
            setattr(wanted, attribute, value)
    if flags.chat_template_file:
        wanted.chat_template = flags.chat_template_file.read_text(encoding="utf-8")
    # As llama.cpp has them: each value as JSON.
    wanted.default_template_kwargs = {key: json.dumps(value) for key, value in flags.chat_template_kwargs.items()}
    if flags.reasoning_budget is not None:
        wanted.sampling.reasoning_budget_tokens = flags.reasoning_budget
    if flags.alias:
        wanted.model_alias = {flags.alias}
    if flags.api_key:
        wanted.api_keys = flags.api_key
    if flags.fit:
        wanted.fit_params = flags.fit == "on"
    if flags.threads:
        wanted.cpuparams.n_threads = flags.threads
    if flags.threads_batch or flags.threads:
        wanted.cpuparams_batch.n_threads = flags.threads_batch or flags.threads
    types, flash = xllamacpp.ggml_type, xllamacpp.llama_flash_attn_type
    wanted.cache_type_k = getattr(types, f"GGML_TYPE_{flags.cache_type_k.upper()}")
    wanted.cache_type_v = getattr(types, f"GGML_TYPE_{flags.cache_type_v.upper()}")
    names = {"on": "ENABLED", "off": "DISABLED", "auto": "AUTO"}
    wanted.flash_attn_type = getattr(flash, f"LLAMA_FLASH_ATTN_TYPE_{names[flags.flash_attn]}")
    return wanted


def serve(argv: Sequence[str], wait: Callable[[], object]) -> int:
    """Start the server and return 0 when `wait` does; 1 where it cannot start (llama.cpp's log says why)."""
    flags = parser().parse_args(argv)
    import xllamacpp  # noqa: PLC0415 - an extra: imported where it is used

    try:
        server = xllamacpp.Server(params(flags))
    except (RuntimeError, ValueError, TypeError, OSError) as error:
        complain(f"error: {error}")
        return 1
    say(f"embedded server listening on {server.listening_address}")
    wait()
    return 0


def main() -> None:
    """Serve until a signal ends the process."""
    # The default action ends the process at once, in C++ code too; there is nothing to save.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    sys.exit(serve(sys.argv[1:], threading.Event().wait))
