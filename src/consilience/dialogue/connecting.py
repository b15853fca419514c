"""From the name of a model to whoever answers: a rehearsal, an address, or a provider that pydantic-ai knows."""

from __future__ import annotations

import os
from collections.abc import Mapping
from urllib.parse import urlsplit

from consilience.dialogue.endpoint import COMPATIBLE, Endpoint
from consilience.dialogue.models import ChatModel, MissingKey
from consilience.dialogue.players import Player
from consilience.dialogue.rehearsal import rehearse
from consilience.dialogue.through_pydantic_ai import ThroughPydanticAI
from consilience.ground.errors import InvalidInput

__all__ = ["KEY_VARIABLE", "connect", "journal_name"]

KEY_VARIABLE = "CONSILIENCE_API_KEY"
"""Environment variable with the key for an address; optional there."""

_OPENAI_KEY, _OPENAI_ADDRESS, _OPENAI_HOST = "OPENAI_API_KEY", "OPENAI_BASE_URL", "openai.com"

_REHEARSAL = "rehearsal:"


def connect(
    name: str,
    *,
    base_url: str | None = None,
    players: Mapping[str, Player] | None = None,
    timeout_s: float = 120.0,
    rehearsed: bool = False,
) -> ChatModel:
    """Return the model of a name; nothing is sent yet.

    Keys come from the environment only, under the names that each provider gives them; for an address it is
    ``CONSILIENCE_API_KEY``. OpenAI's own goes to no address but OpenAI's, and that of ``OPENAI_BASE_URL``.

    Parameters
    ----------
    name
        ``"rehearsal:NAME"`` for a stand-in, ``"openai:gpt-4o"`` or any other provider of pydantic-ai with a model of
        its; with `base_url` the server's own name for the model.
    base_url
        Address of a server that speaks the chat-completions protocol.
    players
        Rehearsals of a room, by name.
    timeout_s
        For one reply.
    rehearsed
        Whether a stand-in answers where --model is left out: it is said where a key is missing.

    Raises
    ------
    UnknownName
        When there is no such provider or rehearsal.
    InvalidInput
        When the name is none, or the key of a provider is missing; its variable is named.
    MissingDependency
        When a library that it takes is absent.

    Examples
    --------
    >>> connect("rehearsal:echo").name
    'rehearsal:echo'
    >>> connect("llama3", base_url="http://localhost:11434/v1").name
    'compatible:llama3'
    """
    if base_url is not None:
        return Endpoint(base_url, name, key=_key(base_url), timeout_s=timeout_s)
    if name.startswith(_REHEARSAL):
        return rehearse(name, players)
    if name.startswith(COMPATIBLE):
        raise InvalidInput(f"{name!r} is asked at an address; give `base_url`, such as 'http://localhost:8000/v1'")
    try:
        return ThroughPydanticAI(name, timeout_s=timeout_s)
    except MissingKey as error:
        if rehearsed:
            raise MissingKey(f"{error}, or leave --model out to rehearse with a stand-in") from error
        raise


def journal_name(model: str, base_url: str | None) -> str:
    """Return the name under which a journal knows a model.

    Parameters
    ----------
    model
        By its own name.
    base_url
        Address at which it is asked, if it is.

    Examples
    --------
    >>> journal_name("llama3", "http://localhost:11434/v1")
    'compatible:llama3'
    """
    return model if base_url is None else COMPATIBLE + model


def _key(base_url: str) -> str | None:
    """Return the key for an address: a provider's own is not for whoever else answers there."""
    host, named = _host(base_url), _host(os.environ.get(_OPENAI_ADDRESS, ""))
    openais = bool(host) and (host in (_OPENAI_HOST, named) or host.endswith(f".{_OPENAI_HOST}"))
    names = (_OPENAI_KEY, KEY_VARIABLE) if openais else (KEY_VARIABLE,)
    return next(filter(None, map(os.environ.get, names)), None)


def _host(address: str) -> str:
    """Return the host of an address; empty where it has none."""
    try:
        return urlsplit(address.strip()).hostname or ""
    except ValueError:
        return ""
