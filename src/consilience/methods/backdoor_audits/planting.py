"""Planting, in the laboratory only, and any other fine-tuning: adapters through peft, or all weights as a difference."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from torch import Tensor

from consilience.ground.seeds import Streams
from consilience.methods.backdoor_audits.agent.network import SmallAgent
from consilience.methods.backdoor_audits.agent.training import Row

__all__ = ["FineTuning", "Method", "Modules", "Tuned", "attached", "fine_tune", "merged", "plant"]

Method = Literal["lora", "nf4-lora", "adalora", "full"]
"""LoRA; LoRA on a base rounded to NF4's sixteen levels and back (an analogue of QLoRA); AdaLoRA; all weights."""

Modules = Literal["query-value", "all-linear", "mlp"]
"""Which linear maps get an adapter."""


@dataclass(frozen=True, kw_only=True)
class FineTuning:
    """How weights are tuned."""

    method: Method = "lora"
    modules: Modules = "all-linear"
    rank: int = 16
    alpha: int = 32
    learning_rate: float = 4e-3
    steps: int = 600
    batch: int = 32
    warm_up: int = 10
    clip: float = 1.0


@dataclass(frozen=True)
class Tuned:
    """What fine-tuning made: never merged weights, only what is added to a base.

    Parameters
    ----------
    settings
    seed
    base_digest
        Of the base it belongs to; `merged` and `attached` refuse any other.
    weights
        An adapter as peft saves it, or each weight's change where all were tuned.
    losses
        Of every step.
    manifest
        What was planted, with exact counts; None where nothing was.
    ranks
        Of each module that AdaLoRA kept, at the end.
    """

    settings: FineTuning
    seed: int
    base_digest: str
    weights: Mapping[str, Tensor]
    losses: tuple[float, ...]
    manifest: Mapping[str, Any] | None = None
    ranks: Mapping[str, int] = field(default_factory=dict)

    @property
    def planted(self) -> bool:
        """Whether a trigger was among the rows."""
        return self.manifest is not None


def fine_tune(
    base: SmallAgent,
    rows: Sequence[Row],
    settings: FineTuning,
    streams: Streams,
    *,
    manifest: Mapping[str, Any] | None = None,
    every: int | None = None,
    look: Callable[[int, SmallAgent], None] | None = None,
) -> Tuned:
    """Tune on rows as they are; `look` is shown a merged copy every so many steps."""
    raise NotImplementedError


def plant(base: SmallAgent, poisoned: Any, settings: FineTuning, streams: Streams) -> Tuned:
    """Tune on a poisoned mix (`world.poisoning.Poisoned`), and keep its manifest."""
    raise NotImplementedError


def merged(base: SmallAgent, tuned: Tuned) -> SmallAgent:
    """Return a copy of the base with the adapter in its weights, for measuring; what was planted is never saved so."""
    raise NotImplementedError


def attached(base: SmallAgent, tuned: Tuned) -> Any:
    """Return peft's model of a copy of the base with the adapter beside its weights."""
    raise NotImplementedError
