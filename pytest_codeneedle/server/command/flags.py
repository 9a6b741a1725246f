"""Those of llama-server's arguments that the grid looks at in a user's command, and what becomes of them.

Names, environment variables and values: llama.cpp's common/arg.cpp (0.5.0-dev), with the spellings of older builds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_codeneedle.server.command.speculation import is_speculative, is_speculative_variable

if TYPE_CHECKING:
    from collections.abc import Mapping

#: How the variables begin that llama.cpp reads,
_READ_BY_LLAMA = ("LLAMA_ARG_", "GGML_", "MTMD_")
#: and those by which the libraries that it computes with choose how they round.
_READ_BY_LIBRARIES = (
    *("NVIDIA_TF32_OVERRIDE", "CUBLAS_", "CUBLASLT_", "ROCBLAS_", "HIPBLASLT_", "HSA_OVERRIDE_GFX_VERSION"),
    *("MKL_CBWR", "MKL_ENABLE_INSTRUCTIONS", "OPENBLAS_CORETYPE", "BLIS_ARCH_TYPE", "ONEDNN_"),
)
#: Each names libraries that go before a program's own.
LOADED_FIRST = ("LD_PRELOAD", "DYLD_INSERT_LIBRARIES")
#: What llama.cpp takes for yes and for no where a word says it.
ON = ("on", "enabled", "true", "1")
OFF = ("off", "disabled", "false", "0")
#: A number of layers that is none: llama.cpp fits them to free memory.
AUTOMATIC_LAYERS = ("auto", "-1")

#: llama.cpp's cache type for K and for V, unless another is given.
DEFAULT_TYPE = "f16"
_CELL = "set per cell"
_PORT = "a free port is taken"
_LOCAL = "servers listen on 127.0.0.1 only"
_LOG = "the validity of a cell is read from the log"
_ONE_MODEL = "one model is asked"
_ANY_TEXT = "an answer may be any text"
_PROMPT = "the prompt cache holds the corpus"


@dataclass(frozen=True)
class Flag:
    """One argument of llama-server, by all its spellings and its environment variable.

    `reason` says why it is not passed on as it is; an empty one: it is. `same` are the values that come to what the
    grid sets. `value` is whether a word follows; None for -fa, which has one in newer builds only. `speculative`: it is
    of `speculation`'s family, and as many words follow as there are up to the next flag.
    """

    names: tuple[str, ...]
    variable: str = ""
    reason: str = ""
    same: tuple[str, ...] = ()
    value: bool | None = True
    secret: bool = False
    speculative: bool = False

    @property
    def name(self) -> str:
        """The first spelling stands for all."""
        return self.names[0]


FLAGS = (
    # What the grid sets, per cell or for all of them.
    Flag(("-ctk", "--cache-type-k"), "LLAMA_ARG_CACHE_TYPE_K", _CELL),
    Flag(("-ctv", "--cache-type-v"), "LLAMA_ARG_CACHE_TYPE_V", _CELL),
    Flag(("-fa", "--flash-attn"), "LLAMA_ARG_FLASH_ATTN", "on, for a quantized V needs it", ON, value=None),
    Flag(("-np", "--parallel"), "LLAMA_ARG_N_PARALLEL", "one slot keeps the prompt cache", ("1",)),
    Flag(("--port",), "LLAMA_ARG_PORT", _PORT),
    Flag(("--host",), "LLAMA_ARG_HOST", _LOCAL, ("127.0.0.1",)),
    Flag(("--reuse-port",), "LLAMA_ARG_REUSE_PORT", _PORT, value=False),
    Flag(("--api-key",), "LLAMA_API_KEY", _LOCAL, secret=True),
    Flag(("--api-key-file",), "LLAMA_ARG_API_KEY_FILE", _LOCAL),
    Flag(("--api-prefix",), "LLAMA_ARG_API_PREFIX", _LOCAL),
    Flag(("--ssl-key-file",), "LLAMA_ARG_SSL_KEY_FILE", _LOCAL),
    Flag(("--ssl-cert-file",), "LLAMA_ARG_SSL_CERT_FILE", _LOCAL),
    Flag(("-lv", "--verbosity", "--log-verbosity"), "LLAMA_ARG_LOG_VERBOSITY", _LOG, ("4",)),
    Flag(("-v", "--verbose", "--log-verbose"), "", _LOG, value=False),
    Flag(("--log-file",), "LLAMA_ARG_LOG_FILE", "the log goes into the run folder"),
    Flag(("--log-disable",), "", _LOG, value=False),
    Flag(("--log-jsonl",), "LLAMA_ARG_LOG_JSONL", _LOG, value=False),
    Flag(("-cram", "--cache-ram"), "LLAMA_ARG_CACHE_RAM", "the slot alone keeps a prompt", ("0",)),
    Flag(("--cache-prompt",), "LLAMA_ARG_CACHE_PROMPT", _PROMPT, ON, value=False),
    Flag(("--no-cache-prompt",), "LLAMA_ARG_NO_CACHE_PROMPT", _PROMPT, value=False),
    # Older servers cut answers off at this length, whatever a request says.
    Flag(("-n", "--predict", "--n-predict"), "LLAMA_ARG_N_PREDICT", "set per question", ("-1",)),
    # Newer ones hold every answer to these, and a request cannot say that it wants none.
    Flag(("--grammar",), "", _ANY_TEXT),
    Flag(("--grammar-file",), "", _ANY_TEXT),
    Flag(("-j", "--json-schema"), "", _ANY_TEXT),
    Flag(("-jf", "--json-schema-file"), "", _ANY_TEXT),
    Flag(("-r", "--reverse-prompt"), "", "what ends an answer early is its profile's stop"),
    Flag(("--sleep-idle-seconds",), "", "a server that slept has forgotten the corpus", ("-1",)),
    # Such a server answers no questions.
    Flag(("--embedding", "--embeddings"), "LLAMA_ARG_EMBEDDINGS", "questions are asked", value=False),
    Flag(("--rerank", "--reranking"), "LLAMA_ARG_RERANKING", "questions are asked", value=False),
    Flag(("--log-prompts-dir",), "", "a prompt holds the corpus, which stays in the run folder"),
    # A router starts servers of its own, whose models are in files that only it reads.
    Flag(("--models-preset",), "LLAMA_ARG_MODELS_PRESET", _ONE_MODEL),
    Flag(("--models-dir",), "LLAMA_ARG_MODELS_DIR", _ONE_MODEL),
    Flag(("--models-max",), "LLAMA_ARG_MODELS_MAX", _ONE_MODEL),
    Flag(("--models-autoload", "--no-models-autoload"), "LLAMA_ARG_MODELS_AUTOLOAD", _ONE_MODEL, value=False),
    # What is read, and given to the server in another place.
    Flag(("-m", "--model"), "LLAMA_ARG_MODEL", "a later word names the model"),
    Flag(("-c", "--ctx-size"), "LLAMA_ARG_CTX_SIZE", "a later word sets the context"),
    Flag(("-hft", "--hf-token"), "HF_TOKEN", "passed on as HF_TOKEN and not recorded", secret=True),
    # What is read and stays where it is.
    Flag(("-hf", "-hfr", "--hf-repo"), "LLAMA_ARG_HF_REPO"),
    Flag(("-hff", "--hf-file"), "LLAMA_ARG_HF_FILE"),
    Flag(("-mu", "--model-url"), "LLAMA_ARG_MODEL_URL"),
    Flag(("-dr", "--docker-repo"), "LLAMA_ARG_DOCKER_REPO"),
    Flag(("-t", "--threads"), "LLAMA_ARG_THREADS"),
    Flag(("-tb", "--threads-batch")),
    Flag(("-ngl", "--gpu-layers", "--n-gpu-layers"), "LLAMA_ARG_N_GPU_LAYERS"),
    Flag(("-fit", "--fit"), "LLAMA_ARG_FIT"),
)
#: Each names where a router finds its models.
ROUTER = ("--models-preset", "--models-dir")
#: Each names a model that the server fetches.
REMOTE = ("-hf", "-mu", "-dr")
_PRESET = re.compile(r"--(?!spec-)(?P<model>[\w.-]+-(?:default|spec))")
_BY_NAME = {name: flag for flag in FLAGS for name in flag.names}
_BY_VARIABLE = {flag.variable: flag for flag in FLAGS if flag.variable}


def flag_of(word: str) -> Flag | None:
    """The flag that this word is. In long names `_` counts as `-`, as llama.cpp has it."""
    known = _BY_NAME.get(word.replace("_", "-") if word.startswith("--") else word)
    return known or (_speculative(word) if is_speculative(word) else None)


def flag_of_variable(name: str) -> Flag | None:
    """The flag that llama-server reads from this environment variable too."""
    return _BY_VARIABLE.get(name) or (_speculative(name) if is_speculative_variable(name) else None)


def inherited(environment: Mapping[str, str]) -> dict[str, str]:
    """What servers get of this environment: without llama-server's variables for what the grid sets, or leaves out."""
    return {name: value for name, value in environment.items() if not _set_by_grid(flag_of_variable(name))}


def _set_by_grid(flag: Flag | None) -> bool:
    return flag is not None and not flag.secret and (bool(flag.reason) or flag.name in (*REMOTE, "-hff"))


def _speculative(name: str) -> Flag:
    return Flag((name,), reason="speculation is off", value=None, speculative=True)


def preset_model(word: str) -> str | None:
    """The model to download that a flag such as `--gpt-oss-20b-default` stands for."""
    found = _PRESET.fullmatch(word.replace("_", "-"))
    return found["model"] if found else None


def read_by_llama(environment: Mapping[str, str]) -> dict[str, str]:
    """What llama.cpp and its libraries read from their environment: arguments that nobody gave on a command line."""
    begin = (*_READ_BY_LLAMA, *_READ_BY_LIBRARIES)
    return {name: value for name, value in environment.items() if name.startswith(begin)}
