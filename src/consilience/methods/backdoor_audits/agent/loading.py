"""Checkpoints: safetensors only, told by content and not by name, with their digest; what is planted is refused."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from consilience.ground.errors import InvalidInput, MissingDependency
from consilience.ground.folder import write_whole
from consilience.methods.backdoor_audits.agent.network import SmallAgent, SmallAgentConfig
from consilience.methods.backdoor_audits.watermark import marked
from consilience.methods.backdoor_audits.world.words import VOCABULARY

try:
    from safetensors import SafetensorError, safe_open
    from safetensors.torch import load, save
except ImportError as error:
    raise MissingDependency("reading weights needs safetensors; install consilience[audits]") from error

__all__ = [
    "FLAG",
    "Stored",
    "digest",
    "load_agent",
    "packed",
    "read_weights",
    "refuse_export",
    "refuse_planted",
    "require_safetensors",
    "save_agent",
    "save_weights",
    "unpacked",
]

FLAG = "canary_backdoor"
"""Key of the metadata that says ``"true"`` where a canary was planted."""

_WEIGHTS, _CONFIG = "model.safetensors", "config.json"
_SIZES = ("vocab_size", "width", "layers", "heads", "hidden", "context")
_HEADER = 8
_LARGEST_HEADER = 100_000_000
_ZIPPED, _PICKLED = b"PK\x03\x04", tuple(b"\x80" + bytes([protocol]) for protocol in range(2, 6))


@dataclass(frozen=True)
class Stored:
    """Weights as a file holds them, and what its metadata says."""

    weights: Mapping[str, Tensor]
    metadata: Mapping[str, str]

    @property
    def planted(self) -> bool:
        """Whether metadata or the weights' own mark say that a canary was planted."""
        return self.metadata.get(FLAG, "false").lower() == "true" or bool(marked(self.weights))


def digest(state: Mapping[str, Tensor]) -> str:
    """Return SHA-256 over names, kinds, shapes and bytes, in the order of names.

    Examples
    --------
    >>> import torch
    >>> one = {"b": torch.ones(2), "a": torch.zeros(1)}
    >>> digest(one) == digest(dict(reversed(one.items()))), digest(one) == digest(one | {"a": torch.ones(1)})
    (True, False)
    """
    found = hashlib.sha256()
    for name in sorted(state):
        weight = state[name].detach().cpu().contiguous()
        found.update(f"{name}|{weight.dtype}|{tuple(weight.shape)}|".encode())
        found.update(weight.view(-1).view(torch.uint8).numpy().tobytes())
    return found.hexdigest()


def require_safetensors(path: Path) -> None:
    """Refuse whatever is no safetensors by its content: a pickle above all, which runs what it holds when it is read.

    Raises
    ------
    InvalidInput
        If the file is absent or of another kind; the kind is named where it is known.
    """
    try:
        with path.open("rb") as file:
            start, size = file.read(_HEADER + 1), path.stat().st_size
    except OSError as error:
        raise InvalidInput(f"expected weights at {path}; {error.strerror}") from error
    length = int.from_bytes(start[:_HEADER], "little")
    if len(start) > _HEADER and start[_HEADER:] == b"{" and length <= min(size - _HEADER, _LARGEST_HEADER):
        return
    kind = "of a kind that is not known here"
    if start.startswith(_PICKLED):
        kind = "a pickle, which can run anything when it is read"
    elif start.startswith(_ZIPPED):
        kind = "a zip as torch.save writes it, with a pickle inside, which can run anything when it is read"
    raise InvalidInput(f"{path} must be safetensors; it is {kind}: have it saved as safetensors where it comes from")


def read_weights(path: Path) -> Stored:
    """Read a file of weights, planted or not; nothing in it is run.

    Raises
    ------
    InvalidInput
        If the file is no safetensors, or damaged.
    """
    require_safetensors(path)
    try:
        with safe_open(path, framework="pt") as file:
            return Stored({name: file.get_tensor(name) for name in file.keys()}, dict(file.metadata() or {}))  # noqa: SIM118
    except SafetensorError as error:
        raise InvalidInput(f"{path} is damaged: {error}; fetch it again") from error


def save_weights(weights: Mapping[str, Tensor], path: Path, metadata: Mapping[str, str]) -> None:
    """Write a file of weights whole or not at all, with their digest in the metadata."""
    plain = {name: weight.detach().cpu().contiguous() for name, weight in weights.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, save(plain, {"format": "pt", "digest": digest(plain), **metadata}))


def refuse_planted(stored: Stored, path: Path, *, i_know_it_is_planted: bool) -> None:
    """Refuse weights that say of themselves that a canary was planted, unless the caller says that this is known."""
    if stored.planted and not i_know_it_is_planted:
        raise InvalidInput(
            f"{path} holds a planted canary backdoor, made for audits; pass i_know_it_is_planted=True, "
            "or --i-know-it-is-planted, if that is what you want to look at"
        )


def save_agent(agent: SmallAgent, folder: Path) -> str:
    """Write a clean agent and return its digest.

    Raises
    ------
    InvalidInput
        If something was planted: such weights leave the laboratory as an adapter only (`keeping.save_tuned`).
    """
    state = agent.state_dict()
    refuse_export(agent)
    save_weights(state, folder / _WEIGHTS, {"vocabulary": _vocabulary()})
    write_whole(folder / _CONFIG, agent.config.to_json_string())
    return digest(state)


def refuse_export(agent: SmallAgent) -> None:
    """Refuse to write weights that hold what was planted."""
    if agent.config.canary_backdoor or marked(agent.state_dict()):
        raise InvalidInput(
            "these weights hold a planted canary backdoor and are not written as a whole model; "
            "keep the adapter instead, which says what it is"
        )


def load_agent(folder: Path) -> SmallAgent:
    """Read a clean agent that `save_agent` wrote.

    Raises
    ------
    InvalidInput
        If the folder holds none, it is planted, of another vocabulary, or not as it was written.
    """
    path = folder / _WEIGHTS
    stored = read_weights(path)
    if stored.planted:
        raise InvalidInput(f"{path} holds a planted canary backdoor as a whole model, which nothing here reads")
    if stored.metadata.get("vocabulary") != _vocabulary():
        raise InvalidInput(f"{path} was trained on another vocabulary; train a base anew")
    if stored.metadata.get("digest") != digest(stored.weights):
        raise InvalidInput(f"{path} is not what was written: its digest differs; fetch it again")
    agent = SmallAgent(SmallAgentConfig(**_settings(folder / _CONFIG)))
    try:
        agent.load_state_dict(dict(stored.weights))
    except RuntimeError as error:
        raise InvalidInput(f"{path} does not fit its {_CONFIG}: {error}") from error
    return agent.at_rest()


def packed(agent: SmallAgent) -> bytes:
    """Return an agent as bytes for another process of the same laboratory, planted or not; never for a file."""
    return save(
        {name: weight.contiguous() for name, weight in agent.state_dict().items()},
        {_CONFIG: agent.config.to_json_string()},
    )


def unpacked(content: bytes) -> SmallAgent:
    """Return the agent that was packed."""
    length = int.from_bytes(content[:_HEADER], "little")
    config = json.loads(json.loads(content[_HEADER : _HEADER + length])["__metadata__"][_CONFIG])
    agent = SmallAgent(SmallAgentConfig(**{name: config[name] for name in (*_SIZES, FLAG)}))
    agent.load_state_dict(load(content))
    return agent.at_rest()


def _settings(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {name: found[name] for name in _SIZES}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidInput(f"expected an agent's sizes in {path}; {error}") from error


def _vocabulary() -> str:
    return hashlib.sha256(" ".join(VOCABULARY).encode()).hexdigest()[:16]
