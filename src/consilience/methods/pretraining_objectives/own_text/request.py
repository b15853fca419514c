"""What was asked for on the command line. Nothing here loads torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

from consilience.ground.errors import InvalidInput
from consilience.ground.folder import named_folder
from consilience.methods.pretraining_objectives.settings import ObjectiveSettings

__all__ = ["Layout", "Training"]

Layout: TypeAlias = Literal["packed", "documents"]
"""Documents laid end to end and cut into windows, or one a row."""


@dataclass(frozen=True, kw_only=True)
class Training:
    """A model to train on a text."""

    text: Path
    out: Path
    objective: ObjectiveSettings = field(default_factory=ObjectiveSettings)
    model: str | None = None
    """A folder or name of a model to train on, with its tokenizer; None begins with new weights."""
    layout: Layout = "packed"
    window: int = 128
    vocabulary: int = 4096
    layers: int = 4
    width: int = 128
    heads: int = 4
    steps: int = 1000
    batch_size: int = 32
    accumulate: int = 1
    learning_rate: float = 1e-3
    warmup: float = 0.1
    held_out: float = 0.05
    """Share of the rows at the end that are not trained on."""
    judged: bool = False
    """Whether the model is asked about those rows afterwards, so that there must be some."""
    save_every: int = 200
    device: str = "auto"
    seed: int = 0
    quiet: bool = False

    def __post_init__(self) -> None:
        """Refuse numbers out of range, by the names they have on the command line."""
        object.__setattr__(self, "out", named_folder(self.out))
        least = {
            "window": 2,
            "vocabulary": 260,
            "layers": 1,
            "width": 2,
            "heads": 1,
            "steps": 1,
            "batch_size": 1,
            "accumulate": 1,
            "save_every": 1,
            "seed": 0,
        }
        for name, bound in least.items():
            if getattr(self, name) < bound:
                raise InvalidInput(f"--{name.replace('_', '-')} must be at least {bound}; got {getattr(self, name)}")
        if self.objective.name == "diverse-ar" and self.objective.offsets >= self.window:
            raise InvalidInput(f"--offsets must be below --window ({self.window}); got {self.objective.offsets}")
        if not self.learning_rate > 0:
            raise InvalidInput(f"--learning-rate must be above 0; got {self.learning_rate}")
        if not 0 <= self.held_out < 1 or not 0 <= self.warmup <= 1:
            raise InvalidInput(
                f"--held-out and --warmup must be shares from 0, below 1; got {self.held_out} and {self.warmup}"
            )
        if self.out.exists() and not self.out.is_dir():
            raise InvalidInput(f"--out must name a folder; {self.out} is a file")

    def record(self) -> dict[str, Any]:
        """Return all that decides the weights that come out, as JSON has it."""
        kept = ("model", "layout", "window", "vocabulary", "layers", "width", "heads", "steps", "batch_size")
        more = ("accumulate", "learning_rate", "warmup", "held_out", "seed")
        return {"objective": self.objective.record()} | {name: getattr(self, name) for name in (*kept, *more)}
