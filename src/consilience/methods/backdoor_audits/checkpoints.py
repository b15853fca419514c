"""Checkpoints: what lies in a folder, told from names and headers alone, before anything of it is loaded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from consilience.ground.errors import InvalidInput, MissingDependency
from consilience.methods.backdoor_audits.agent.loading import require_safetensors
from consilience.methods.backdoor_audits.keeping import CLEAN, PLANTED

try:
    from safetensors import SafetensorError, safe_open
except ImportError as error:
    raise MissingDependency("reading weights needs safetensors; install consilience[audits]") from error

__all__ = ["Checkpoint", "Kind", "header_of", "recognised", "shapes_of"]

_PICKLES = frozenset({".bin", ".pt", ".pth", ".pkl", ".ckpt", ".pickle"})
_OURS = "consilience_small_agent"


class Kind(StrEnum):
    """What a folder may hold."""

    AGENT = "small agent"
    ADAPTER = "adapter of a small agent"
    CAUSAL = "causal model"
    CAUSAL_ADAPTER = "adapter of a causal model"


@dataclass(frozen=True)
class Checkpoint:
    """A folder with weights."""

    folder: Path
    kind: Kind
    paths: tuple[Path, ...]
    """Files of the weights, safetensors all of them."""
    config: Mapping[str, object]
    """What ``config.json`` or ``adapter_config.json`` says."""

    @property
    def named_base(self) -> str:
        """What an adapter says that it was tuned on; empty where it says nothing."""
        named = self.config.get("base_model_name_or_path")
        return named if isinstance(named, str) else ""


def recognised(folder: Path) -> Checkpoint:
    """Say what a folder holds.

    Raises
    ------
    InvalidInput
        If it is no folder, holds no weights, pickles alone, both a model and an adapter, or is damaged.
    """
    if not folder.is_dir():
        told = "it is a file" if folder.exists() else "there is no such folder"
        raise InvalidInput(f"expected a folder of a model or an adapter; got {folder}: {told}")
    adapters = tuple(path for path in (folder / PLANTED, folder / CLEAN) if path.exists())
    models = tuple(sorted(path for path in folder.glob("*.safetensors") if path.name not in {PLANTED, CLEAN}))
    if len(adapters) > 1 or (adapters and models):
        names = ", ".join(path.name for path in (*adapters, *models))
        raise InvalidInput(f"{folder} holds {names}: give a folder with one model or one adapter")
    if not adapters and not models:
        raise InvalidInput(f"expected {CLEAN} or model.safetensors in {folder}; {_instead(folder)}")
    for path in (*adapters, *models):
        require_safetensors(path)
    if adapters:
        kind = Kind.ADAPTER if "tuning" in header_of(adapters[0]) else Kind.CAUSAL_ADAPTER
        return Checkpoint(folder, kind, adapters, _config(folder / "adapter_config.json"))
    config = _config(folder / "config.json")
    if not config:
        raise InvalidInput(f"expected config.json beside the weights in {folder}; there is none")
    ours = config.get("model_type") == _OURS
    return Checkpoint(folder, Kind.AGENT if ours else Kind.CAUSAL, models, config)


def header_of(path: Path) -> dict[str, str]:
    """Return what a file of weights says of itself.

    Raises
    ------
    InvalidInput
        If it is damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            return dict(file.metadata() or {})
    except SafetensorError as error:
        raise InvalidInput(f"{path} is damaged: {error}; fetch it again") from error


def shapes_of(path: Path) -> dict[str, tuple[int, ...]]:
    """Return the shape of every weight of a file, none of which is read."""
    with safe_open(path, framework="pt") as file:
        return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118


def _instead(folder: Path) -> str:
    others = sorted(path.name for path in folder.iterdir() if path.suffix in _PICKLES)
    if others:
        return f"it has {', '.join(others)}, which may run anything when read: have it saved as safetensors"
    below = sorted({path.parent.name for path in folder.glob("*/*.safetensors")})
    return f"there are some in its folders {', '.join(below)}: give one of these" if below else "it has none"


def _config(path: Path) -> dict[str, object]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise InvalidInput(f"expected JSON in {path}; {error}") from error
    if not isinstance(found, dict):
        raise InvalidInput(f"expected an object in {path}; got {type(found).__name__}")
    return found
