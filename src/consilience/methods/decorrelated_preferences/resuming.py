"""What a checkpoint must say, so that training goes on with the objective that it began with and with its memory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from consilience.ground.errors import InvalidInput
from consilience.ground.folder import write_whole
from consilience.methods.decorrelated_preferences.memory import FeatureMemory
from consilience.methods.decorrelated_preferences.objective import objective_of
from consilience.neural.checkpoints import checkpoints, last_whole_checkpoint

__all__ = ["ObjectiveRecord", "check_objective", "checkpoint_to_resume", "last_checkpoint"]

_FILE = "objective.json"
"""Written last, so that a checkpoint that has it was saved whole."""


class ObjectiveRecord(TrainerCallback):
    """Writes the objective, and each process's memory of features, into every checkpoint.

    Parameters
    ----------
    memory
        Of the trainer that the callback belongs to.
    """

    def __init__(self, memory: FeatureMemory) -> None:
        self._memory = memory

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **given: Any) -> None:  # noqa: ARG002
        """Add to the checkpoint that was just saved."""
        folder = Path(str(args.output_dir)) / f"checkpoint-{state.global_step}"
        if self._memory.rows is not None:
            torch.save(self._memory.rows, folder / _memory_file(args))
        if state.is_world_process_zero:
            write_whole(folder / _FILE, json.dumps(_record(args, given["model"]), indent=2) + "\n")

    def restore(self, folder: Path, args: TrainingArguments) -> None:
        """Fill the memory as it was when the checkpoint was saved; without a record it stays empty."""
        path = folder / _memory_file(args)
        if path.exists():
            self._memory.rows = torch.load(path, map_location=args.device, weights_only=True)


def checkpoint_to_resume(output_dir: str, *, given: str | bool | None) -> Path | None:
    """Return the checkpoint that ``train(resume_from_checkpoint=given)`` will load, or None for a new run.

    Of several in the folder it is the newest that was saved whole; the newest of all where none was.
    """
    if given is not True:
        return Path(given) if given else None
    found = checkpoints(Path(output_dir))
    return next((folder for folder in found if (folder / _FILE).exists()), found[0] if found else None)


def last_checkpoint(output_dir: str) -> str | None:
    """Return the newest checkpoint that was saved whole, or None; newer ones, cut off by a killed process, are removed.

    The folder must be one that `DecPOTrainer` alone saves to.
    """
    found = last_whole_checkpoint(Path(output_dir), _FILE)
    return None if found is None else str(found)


def check_objective(folder: Path, args: TrainingArguments, model: nn.Module) -> None:
    """Refuse to go on from a checkpoint that was trained for something else, or with other adapters.

    Raises
    ------
    InvalidInput
        If the checkpoint records another objective, or none, as those of other trainers do.
    """
    path = folder / _FILE
    if not path.exists():
        raise InvalidInput(
            f"expected a checkpoint of DecPOTrainer; {folder} does not say what it was trained for: "
            "load it as the model of a new run, without resuming"
        )
    there, here = json.loads(path.read_text(encoding="utf-8")), json.loads(json.dumps(_record(args, model)))
    differing = sorted(name for name in there | here if there.get(name) != here.get(name))
    if differing:
        listed = ", ".join(f"{name} was {there.get(name)!r} and is {here.get(name)!r}" for name in differing)
        raise InvalidInput(
            f"{folder} was trained for another objective ({listed}): give the settings it began with, or load it as "
            "the model of a new run, without resuming"
        )


def _record(args: TrainingArguments, model: nn.Module) -> dict[str, Any]:
    adapters = getattr(model, "peft_config", None) or {}
    kinds = [f"{one.peft_type.value} of rank {getattr(one, 'r', None)}" for one in adapters.values()]
    return {**objective_of(args), "adapters": kinds}


def _memory_file(args: TrainingArguments) -> str:
    return f"remembered_features_{args.process_index}.pt"
