"""What the command line asks for, before anything heavy is imported."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from consilience.ground.errors import InvalidInput

__all__ = ["Measuring", "Training"]

FULL_RATE, LORA_RATE = 1e-6, 1e-5
"""Learning rates that TRL recommends for all weights and for adapters."""


@dataclass(frozen=True, kw_only=True)
class Training:
    """A policy to train; the fields are the flags of ``train``."""

    model: str
    data: Path
    out: Path
    decorrelation: float
    variant: str
    layers: tuple[str, ...]
    module: str
    rows: str
    pool: str
    memory: int
    loss: str
    beta: float
    lora: int
    epochs: float
    steps: int | None
    batch_size: int
    accumulate: int
    learning_rate: float | None
    max_length: int
    checkpointing: bool
    held_out: float
    save_every: int
    device: str
    seed: int
    quiet: bool

    def __post_init__(self) -> None:
        """Refuse numbers that libraries would stumble over, or take for their own defaults."""
        for flag, least in _LEAST.items():
            value = getattr(self, flag)
            if value is not None and not value >= least:
                raise InvalidInput(f"--{flag.replace('_', '-')} must be at least {least}; got {value}")
        for flag in ("learning_rate", "epochs", "beta"):
            value = getattr(self, flag)
            if value is not None and not value > 0:
                raise InvalidInput(f"--{flag.replace('_', '-')} must be above 0; got {value}")

    @property
    def rate(self) -> float:
        """The learning rate that is given, or what stands for it."""
        return self.learning_rate or (LORA_RATE if self.lora else FULL_RATE)

    def record(self) -> dict[str, Any]:
        """Return what two runs must have alike to continue one another, as JSON has it, beside objective and pairs.

        How long to train is no part of it.
        """
        kept = ("seed", "held_out", "max_length", "batch_size", "accumulate")
        model = str(Path(self.model).resolve()) if Path(self.model).is_dir() else self.model
        return {"model": model, "learning_rate": self.rate, **{name: getattr(self, name) for name in kept}}


_LEAST = {
    "lora": 0, "steps": 1, "batch_size": 1, "accumulate": 1, "max_length": 2, "save_every": 1, "seed": 0, "memory": 0,
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Measuring:
    """Models to measure; the fields are the flags of ``measure``."""

    model: str
    against: str | None
    text: Path
    layers: tuple[str, ...]
    module: str
    limit: int
    max_length: int
    device: str
    json: bool
