"""The graph that a model's attention really used, gathered while it runs: its edges, the smallest weight, the start."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import nn
from torch.utils.hooks import RemovableHandle

from consilience.ground.errors import InvalidInput
from consilience.methods.rank_collapse.padding import arguments, turned
from consilience.methods.rank_collapse.selection import attention_weights, stack_of, token_batch

__all__ = ["Edges", "Stack", "attention_modules"]


@dataclass
class Stack:
    """What was seen of the attention of one list of blocks."""

    allowed: Bool[np.ndarray, "query key"] | None = None
    """Edges that carried some weight in every layer, head and sequence."""
    smallest: float = np.inf
    """The smallest weight on any edge; not a number where one of them is none."""
    extremes: list[Float[np.ndarray, "2 feature"]] = field(default_factory=list)
    """Smallest and largest value of each feature of what went into the first block, by sequence."""
    layers: int = 0
    """Calls of its blocks whenever the model runs: more than there are blocks where they share their weights."""

    @property
    def is_sound(self) -> bool:
        """Whether weights were weights and tokens were finite, without which nothing can be promised."""
        return 0 < self.smallest <= 1 and all(bool(np.isfinite(one).all()) for one in self.extremes)


def attention_modules(model: nn.Module, run: Callable[[], object]) -> list[str]:
    """Find the innermost modules that return the weights of self-attention, by running the model once."""
    found: list[str] = []

    def looking(name: str) -> Callable[[nn.Module, object, Any], None]:
        def hook(_module: nn.Module, _args: object, output: Any) -> None:
            try:
                weights = attention_weights(output)
            except InvalidInput:
                return
            if weights.shape[2] == weights.shape[3]:
                found.append(name)

        return hook

    handles = [module.register_forward_hook(looking(name)) for name, module in model.named_modules() if name]
    try:
        run()
    finally:
        for handle in handles:
            handle.remove()
    innermost = [name for name in found if not any(other.startswith(f"{name}.") for other in found)]
    return [name for name in dict.fromkeys(innermost) if not _is_cross(name)]


class Edges:
    """Gathers, while the model runs, the edges of attention for every stack of blocks.

    Parameters
    ----------
    model
        Any module.
    attention
        Names of modules that return attention weights.
    layers
        Names of the blocks; only attention inside them counts.
    """

    def __init__(self, model: nn.Module, attention: Sequence[str], layers: Sequence[str]) -> None:
        self.model = model
        self.stacks: dict[str, Stack] = {}
        self._attention = {name: stack for name in attention if (stack := _home(name, layers)) is not None}
        self._blocks = [name for name in layers if stack_of(name) in self._attention.values()]
        self._given: Mapping[str, Any] = {}
        self._calls: Counter[str] = Counter()
        self._handles: list[RemovableHandle] = []

    def __enter__(self) -> Edges:
        """Attach to the model."""
        for name, stack in self._attention.items():
            self.stacks.setdefault(stack, Stack())
            self._handles.append(self.model.get_submodule(name).register_forward_hook(self._weighing(stack)))
        self._handles.append(self.model.register_forward_pre_hook(self._beginning, with_kwargs=True))
        for name in self._blocks:
            hook = self._entering(name)
            self._handles.append(self.model.get_submodule(name).register_forward_pre_hook(hook, with_kwargs=True))
        return self

    def __exit__(self, *_: object) -> None:
        """Detach, whatever happened."""
        while self._handles:
            self._handles.pop().remove()

    def _weighing(self, stack: str) -> Callable[[nn.Module, object, Any], None]:
        def hook(_module: nn.Module, _args: object, output: Any) -> None:
            try:
                weights = attention_weights(output)
            except InvalidInput:  # XLNet takes its weights and its tokens through one dropout
                return
            there = weights != 0
            seen, edges = self.stacks[stack], there.all(dim=0).all(dim=0).cpu().numpy()
            seen.allowed = edges if seen.allowed is None else seen.allowed & edges
            # What is no number stays, which min() of two floats would pass over.
            seen.smallest = float(np.minimum(seen.smallest, float(torch.where(there, weights, torch.inf).min())))

        return hook

    def _beginning(self, model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._given = arguments(model, args, kwargs)
        self._calls.clear()

    def _entering(self, name: str) -> Callable[[nn.Module, tuple[Any, ...], dict[str, Any]], None]:
        stack = stack_of(name)

        def hook(_module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            self._calls[stack] += 1
            self.stacks[stack].layers = max(self.stacks[stack].layers, self._calls[stack])
            if self._calls[stack] > 1:  # the start is what goes into the first block, and into it for the first time
                return
            tokens = token_batch((args, kwargs))
            if turned(self._given, name, tokens.shape):
                tokens = tokens.transpose(0, 1)
            extremes = torch.stack([tokens.amin(dim=1), tokens.amax(dim=1)], dim=1)
            self.stacks[stack].extremes += list(extremes.cpu().double().numpy())

        return hook


def _home(name: str, layers: Sequence[str]) -> str | None:
    return next((stack_of(layer) for layer in layers if name == layer or name.startswith(f"{layer}.")), None)


def _is_cross(name: str) -> bool:
    return any(word in name.lower() for word in ("encdec", "cross", "encoder_attn"))
