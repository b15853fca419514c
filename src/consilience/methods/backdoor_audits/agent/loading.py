"""Checkpoints: safetensors only, each with its digest; what is planted is refused unless one says that one knows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from consilience.methods.backdoor_audits.agent.network import SmallAgent
from consilience.methods.backdoor_audits.planting import Tuned

__all__ = ["digest", "load_agent", "load_tuned", "require_safetensors", "save_agent", "save_tuned"]


def digest(state: Mapping[str, Tensor]) -> str:
    """Return SHA-256 over names, kinds, shapes and bytes, in the order of names."""
    raise NotImplementedError


def require_safetensors(path: Path) -> None:
    """Refuse a file that is a pickle, a zip of one, or no safetensors by its content, whatever it is called."""
    raise NotImplementedError


def save_agent(agent: SmallAgent, folder: Path) -> str:
    """Write a clean agent and return its digest; one that holds planted weights is refused."""
    raise NotImplementedError


def load_agent(folder: Path) -> SmallAgent:
    """Read a clean agent."""
    raise NotImplementedError


def save_tuned(tuned: Tuned, folder: Path) -> None:
    """Write what fine-tuning made, in peft's layout; what was planted is marked in metadata, manifest and weights."""
    raise NotImplementedError


def load_tuned(folder: Path, *, i_know_it_is_planted: bool = False) -> Tuned:
    """Read what fine-tuning made; what is marked as planted needs the flag."""
    raise NotImplementedError
