"""What the command line asks for, before anything heavy is imported."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["Measuring", "Training"]


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
