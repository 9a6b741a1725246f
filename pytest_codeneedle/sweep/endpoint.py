"""A running endpoint that is measured as it is served: its key, its model, what cannot be asked of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_codeneedle.core.errors import CellError, ConfigurationError, CorpusError
from pytest_codeneedle.recall.thinking import settle_unseen
from pytest_codeneedle.server.http.api_key import read_api_key
from pytest_codeneedle.server.http.chat_client import ChatClient, Endpoint
from pytest_codeneedle.server.model import CONTROL

if TYPE_CHECKING:
    from pytest_codeneedle.corpus.corpus import Corpus
    from pytest_codeneedle.sweep.settings import Settings

#: So many models are named in an error.
_FEW = 10


def open_endpoint(settings: Settings, url: str) -> ChatClient:
    """The client of the endpoint at `url`; where no model is named, the endpoint is asked which one it serves.

    Raises ConfigurationError: no key where one is named, an endpoint that does not answer, several models.
    """
    if settings.model is not None and settings.model.startswith(CONTROL):
        msg = f"--kv-model {settings.model}: an endpoint asks its own models; give the name of one, or leave it out"
        raise ConfigurationError(msg)
    key = read_api_key(variable=settings.api_key_env, file=settings.api_key_file)
    kwargs = settle_unseen(settings.think).template_kwargs
    request = {**({"chat_template_kwargs": kwargs} if settings.think == "template" else {}), **settings.request}
    endpoint = Endpoint(
        url, settings.model_name or settings.model or "", request, settings.stop, kwargs, settings.timeout
    )
    return ChatClient(endpoint if endpoint.model else replace(endpoint, model=_listed(ChatClient(endpoint, key))), key)


def _listed(client: ChatClient) -> str:
    """The one model that the endpoint lists."""
    try:
        models = client.models()
    except CellError as error:
        msg = f"the endpoint does not say which model it serves: {error} (one without such a list: --kv-model NAME)"
        raise ConfigurationError(msg) from error
    finally:
        client.close()
    if len(models) != 1:
        listed = ", ".join(models[:_FEW]) or "none"
        msg = f"{client.endpoint.url} lists {len(models)} models ({listed}); name one with --kv-model"
        raise ConfigurationError(msg)
    return models[0]


def refuse_trim(corpus: Corpus) -> None:
    """Raise CorpusError for a corpus that wants trimming: there is no way to count tokens that all engines share."""
    if corpus.max_tokens is not None:
        msg = (
            f"corpus {corpus.name!r} wants [trim], for which the model's tokenizer has to count: an endpoint "
            "cannot; give [files] a limit instead, or measure a server that is started here"
        )
        raise CorpusError(msg)
