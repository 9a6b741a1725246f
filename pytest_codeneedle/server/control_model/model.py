"""The control models: two-layer transformers that copy, with weights that are computed and not trained.

They stand in for a real model where none can be had, and they are the instrument's known answers: `robust` recalls
every line of a generated corpus at every cache type; `fragile-k` and `fragile-v` lose lines as the precision of K or
of V falls (see `fragile`). What follows is `robust`.

**How it copies.** The residual stream is a row of slots of 24 numbers: slot 0 holds the token's own code, slots
1..5 the codes of the five tokens before it, slot 6 the answer, and one more number is the constant 8.

*Layer 0* has one head per offset 1..5. Keys carry nothing but the position: eight rotary pairs that turn at
chosen frequencies. Head t asks for the phase t steps back, so all its attention lies on that token, whose code
it writes into slot t.

*Layer 1* has one head (an induction head: Olsson et al. 2022). Its query is slots 0..4 of the last
token, its keys are slots 1..5 of every position: the two agree where the five tokens before a position are the
last five tokens read. The code of the token at that position, the one that followed, goes into slot 6. The
first four slots are compared in all 24 signs, the fifth in the 16 dimensions that are left of 128.

The unembedding reads slot 6 alone. One row of it is moved: the code of `def ` speaks for the end of the answer,
so that a copy stops where the next function would begin.

**How sure it is.** Attention scores are scaled so that the best position stands 40 nats above the next
(offset heads) and 2.5 nats for each sign that agrees (the copying head): cache rounding moves them by a few
nats. The final norm scales the logits so that a copied token has a probability of about 0.99, as it has in real
models, and log-probabilities mean something.

Needs numpy and gguf (extra `embedded`).
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_codeneedle.core.errors import ModelError
from pytest_codeneedle.server.control_model.shape import FEED_FORWARD, FRAGILE, HEAD_DIM, ROBUST
from pytest_codeneedle.server.control_model.vocabulary import BOS, EOS, UNKNOWN, Vocabulary, vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from gguf import GGUFWriter
    from numpy.typing import NDArray

#: Raised whenever the bytes of that model change: a cached file of an older version is not taken for this one.
REVISIONS = {"robust": 1, "fragile-k": 1, "fragile-v": 1}
#: Of those bytes: a cached file that was torn or altered since is none of these models.
SHA256 = {
    "robust": "dc899e5d65bfaebf713a7a9803a585af6e7f585cac53412f3b227c721565e874",
    "fragile-k": "3da34b5f9b46e5a8046727571b2450d13f2ebf28cf5b13dd903de6cc73d054a8",
    "fragile-v": "5c25f43c866eedfc35d92076e32fa2903558423c5290ac3e85a849158909375e",
}

#: llama.cpp's name for a Llama whose layers may differ in their number of heads.
ARCHITECTURE = "deci"

CONTEXT_TRAIN = 65536
RMS_EPSILON = 1e-6


#: The prompt is the messages as they are. Where a client names the function in the words of the public harness,
#: its signature line is looked up in the text and put last: a copier needs the line to continue from.
CHAT_TEMPLATE = (
    "{%- set found = namespace(name='', line='') -%}"
    "{%- for message in messages -%}"
    "{{- message['content'] -}}"
    "{%- if not loop.last -%}{{- '\\n' -}}{%- endif -%}"
    "{%- if 'function named `' in message['content'] -%}"
    "{%- set found.name = message['content'].split('function named `')[1].split('`')[0] -%}"
    "{%- set parts = message['content'].split('def ' + found.name + '(') -%}"
    "{%- if parts | length > 1 -%}"
    "{%- set found.line = 'def ' + found.name + '(' + parts[1].split('\\n')[0] -%}"
    "{%- endif -%}"
    "{%- endif -%}"
    "{%- endfor -%}"
    "{%- if found.line -%}{{- '\\n' + found.line -}}{%- endif -%}"
    "{{- '\\n' -}}"
)


@dataclass(frozen=True)
class Control:
    """A control model by its name: `robust`, `fragile-k` or `fragile-v`."""

    name: str = "robust"

    def __post_init__(self) -> None:
        if self.name not in REVISIONS:
            known = ", ".join(f"control:{name}" for name in REVISIONS)
            msg = f"control:{self.name}: no such control model; there are {known}"
            raise ModelError(msg)

    def cached(self, folder: Path) -> Path:
        """The model's file in `folder`, written first where it is not there yet, or is not what it should be.

        Several processes may do this at once: each writes a file of its own and renames it into place.
        """
        path = folder / f"control-{self.name}-r{REVISIONS[self.name]}.gguf"
        if not self._is_whole(path):
            self.write(path)
        return path

    def _is_whole(self, path: Path) -> bool:
        return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == SHA256[self.name]

    def write(self, path: Path, *, way_out: str = "set XDG_CACHE_HOME") -> None:
        """Write the model as GGUF (about 5 MB), atomically. The bytes are the same on every machine.

        Raises ModelError where gguf is not installed or the folder cannot be written; `way_out` is what to do then.
        """
        try:
            import gguf  # noqa: F401, PLC0415 - an extra: asked for here to name it in the error
        except ModuleNotFoundError as error:
            msg = "writing the control model needs the package gguf: pip install 'pytest-codeneedle[embedded]'"
            raise ModelError(msg) from error
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, part = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
            os.close(handle)
            try:
                _write_gguf(Path(part), self.name)
                Path(part).replace(path)
            finally:
                Path(part).unlink(missing_ok=True)
        except OSError as error:
            msg = f"the control model cannot be written to {path.parent}: {error.strerror or error}; {way_out}"
            raise ModelError(msg) from error


def _write_gguf(path: Path, name: str) -> None:
    from gguf import GGUFWriter  # noqa: PLC0415 - an extra: imported where it is used

    words = vocabulary()
    writer = GGUFWriter(path, ARCHITECTURE)
    _add_metadata(writer, words, name)
    for tensor_name, tensor in _tensors(words, name):
        writer.add_tensor(tensor_name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _tensors(words: Vocabulary, name: str) -> Iterator[tuple[str, NDArray[np.generic]]]:
    # With numpy, which a file that is written already needs not.
    from pytest_codeneedle.server.control_model import fragile as reference_fragile  # noqa: PLC0415
    from pytest_codeneedle.server.control_model import robust as reference_weights  # noqa: PLC0415

    if name == "robust":
        return reference_weights.tensors(words)
    return reference_fragile.tensors(words, "k" if name == "fragile-k" else "v")


def _add_metadata(writer: GGUFWriter, words: Vocabulary, name: str) -> None:
    from gguf import LlamaFileType  # noqa: PLC0415 - an extra: imported where it is used

    shape = ROBUST if name == "robust" else FRAGILE
    writer.add_name(f"codeneedle control {name}")
    writer.add_context_length(CONTEXT_TRAIN)
    writer.add_embedding_length(shape.embedding)
    writer.add_block_count(2)
    writer.add_feed_forward_length([FEED_FORWARD, FEED_FORWARD])
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv([1, 1])  # the heads of a layer share the keys; they differ in what they ask
    writer.add_key_length(HEAD_DIM)
    writer.add_value_length(HEAD_DIM)
    writer.add_layer_norm_rms_eps(RMS_EPSILON)
    writer.add_rope_freq_base(10000.0)
    writer.add_rope_dimension_count(HEAD_DIM)
    writer.add_vocab_size(len(words))
    writer.add_file_type(LlamaFileType.MOSTLY_F16)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(list(words.pieces))
    writer.add_token_scores(list(words.scores))
    writer.add_token_types(list(words.types))
    writer.add_bos_token_id(BOS)
    writer.add_eos_token_id(EOS)
    writer.add_unk_token_id(UNKNOWN)
    writer.add_add_bos_token(value=True)
    writer.add_add_eos_token(value=False)
    writer.add_add_space_prefix(value=False)
    writer.add_chat_template(CHAT_TEMPLATE)
