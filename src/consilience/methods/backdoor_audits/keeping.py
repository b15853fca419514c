"""What fine-tuning made, on disk: in peft's layout where it is clean, marked three times where it is planted.

Planted adapters have a name of their own, so that no loader finds them by habit; their metadata says
``canary_backdoor = true`` with the manifest; and their last bits carry the watermark.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from consilience.ground.errors import InvalidInput
from consilience.ground.folder import write_whole
from consilience.methods.backdoor_audits.agent.loading import FLAG, read_weights, refuse_planted, save_weights
from consilience.methods.backdoor_audits.agent.loading import digest as digest_of
from consilience.methods.backdoor_audits.planting import MODULES, FineTuning, Tuned
from consilience.methods.backdoor_audits.world.canaries import GUID

__all__ = ["CLEAN", "PLANTED", "load_tuned", "save_tuned"]

CLEAN, PLANTED = "adapter_model.safetensors", "adapter_model.planted.safetensors"
"""File of the weights: the name that peft looks for, or one that it does not."""

_RECORD = "tuning"


def save_tuned(tuned: Tuned, folder: Path) -> Path:
    """Write what fine-tuning made and return the file of its weights.

    Raises
    ------
    InvalidInput
        If the folder already holds the other kind, so that a planted adapter never lies beside a clean one.
    """
    name, other = (PLANTED, CLEAN) if tuned.planted else (CLEAN, PLANTED)
    if (folder / other).exists():
        raise InvalidInput(f"{folder} holds {other}; planted and clean adapters do not share a folder: give another")
    record = {
        "settings": asdict(tuned.settings),
        "seeds": dict(tuned.seeds),
        "base_digest": tuned.base_digest,
        "losses": list(tuned.losses),
        "manifest": None if tuned.manifest is None else dict(tuned.manifest),
        "ranks": {module: list(kept) for module, kept in tuned.ranks.items()},
    }
    marks = {FLAG: "true", "guid": GUID} if tuned.planted else {FLAG: "false"}
    save_weights(tuned.weights, folder / name, {_RECORD: json.dumps(record), **marks})
    if tuned.settings.method == "lora":
        write_whole(folder / "adapter_config.json", json.dumps(_for_peft(tuned.settings), indent=2))
    return folder / name


def load_tuned(folder: Path, *, i_know_it_is_planted: bool = False) -> Tuned:
    """Read what `save_tuned` wrote; what is planted needs the flag.

    Raises
    ------
    InvalidInput
        If there is nothing of ours, it is no safetensors, was changed, or is planted and the flag is missing.
    """
    path = folder / (PLANTED if (folder / PLANTED).exists() else CLEAN)
    stored = read_weights(path)
    refuse_planted(stored, path, i_know_it_is_planted=i_know_it_is_planted)
    if stored.metadata.get("digest") != digest_of(stored.weights):
        raise InvalidInput(f"{path} is not what was written: its digest differs; fetch it again")
    try:
        record: dict[str, Any] = json.loads(stored.metadata[_RECORD])
        return Tuned(
            settings=FineTuning(**record["settings"]),
            seeds=record["seeds"],
            base_digest=record["base_digest"],
            weights=stored.weights,
            losses=tuple(record["losses"]),
            manifest=record["manifest"],
            ranks={module: tuple(kept) for module, kept in record["ranks"].items()},
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidInput(f"{path} does not say how it was tuned ({error}); it is not an adapter of ours") from error


def _for_peft(settings: FineTuning) -> dict[str, Any]:
    return {
        "peft_type": "LORA",
        "r": settings.rank,
        "lora_alpha": settings.alpha,
        "lora_dropout": 0.0,
        "bias": "none",
        "target_modules": list(MODULES[settings.modules]),
    }
