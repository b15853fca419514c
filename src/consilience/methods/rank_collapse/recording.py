"""What a probe keeps while batches come and go: a sketch of every measure at every layer."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from consilience.methods.rank_collapse.findings import Row, Unmeasured
from consilience.methods.rank_collapse.profile import REASONS, Reading
from consilience.methods.rank_collapse.sketch import Sketch

__all__ = ["Record"]

_NO_DIRECTION = 3
"""The reason of what is NaN for no other."""


@dataclass(frozen=True)
class _Waiting:
    """Numbers that still lie on their device, a row each: value, floor, reason."""

    layer: str
    measure: str
    numbers: Float[Tensor, "3 sequence"]


class Record:
    """Everything that was measured so far.

    Numbers wait on their device until `settle` brings all of them over at once, as waiting for a device once a layer
    would slow the model down.
    """

    def __init__(self) -> None:
        self.types: Counter[str] = Counter()
        """How often activations of each floating type were seen."""
        self._places: dict[str, tuple[str, int]] = {}
        self._kept: dict[tuple[str, str], _Kept] = {}
        self._unmeasured: Counter[tuple[str, str]] = Counter()
        self._waiting: list[_Waiting] = []

    def place(self, layer: str, stack: str, depth: int | None = None) -> None:
        """Give a layer its depth in its stack when it is first seen: the next one unless it is given."""
        if layer not in self._places:
            deepest = max((known for name, known in self._places.values() if name == stack), default=0)
            self._places[layer] = (stack, deepest + 1 if depth is None else depth)

    def take(self, layer: str, measure: str, reading: Reading, reason: Int[Tensor, " sequence"] | None = None) -> None:
        """Take in a reading of several sequences, and why some could not be measured."""
        value = reading.value
        cause = torch.zeros_like(value) if reason is None else reason.to(value)
        self._waiting.append(_Waiting(layer, measure, torch.stack([value, reading.floor, cause])))

    def refuse(self, layer: str, reason: str) -> None:
        """Write down why a call of a layer could not be measured."""
        self._unmeasured[layer, reason] += 1

    def settle(self) -> None:
        """Bring over what waits, and keep it in sketches."""
        waiting, self._waiting = self._waiting, []
        by_device: dict[torch.device, list[_Waiting]] = {}
        for one in waiting:
            by_device.setdefault(one.numbers.device, []).append(one)
        for ones in by_device.values():
            values, floors, reasons = torch.cat([one.numbers for one in ones], dim=1).tolist()
            end = 0
            for one in ones:
                begin, end = end, end + one.numbers.shape[1]
                self._keep(one.layer, one.measure, values[begin:end], floors[begin:end], reasons[begin:end])

    def rows(self) -> tuple[Row, ...]:
        """Return a row for each layer and measure, layers in the order in which they were seen."""
        self.settle()
        order = {layer: place for place, layer in enumerate(self._places)}
        keys = sorted(self._kept, key=lambda key: order[key[0]])
        return tuple(self._kept[key].row(key[0], *self._places[key[0]], key[1]) for key in keys)

    def unmeasured(self) -> tuple[Unmeasured, ...]:
        """Return what could not be measured."""
        self.settle()
        items = self._unmeasured.items()
        return tuple(Unmeasured(layer=layer, reason=reason, times=times) for (layer, reason), times in items)

    def _keep(self, layer: str, measure: str, values: list[float], floors: list[float], reasons: list[float]) -> None:
        good = []
        for value, floor, reason in zip(values, floors, reasons, strict=True):
            if value == value:  # noqa: PLR0124  not NaN
                good.append((value, floor))
            else:
                self._unmeasured[layer, f"{measure}: {REASONS[int(reason) or _NO_DIRECTION]}"] += 1
        if good:
            self._kept.setdefault((layer, measure), _Kept()).add(good)


class _Kept:
    """What is kept of one measure at one layer while batches come and go."""

    def __init__(self) -> None:
        self.sketch = Sketch()
        self.floor = 0.0
        self.below = 0

    def add(self, pairs: list[tuple[float, float]]) -> None:
        """Take in the values of sequences and their floors."""
        self.sketch.add(value for value, _ in pairs)
        self.floor = max([self.floor, *(floor for _, floor in pairs)])
        self.below += sum(abs(value) < floor for value, floor in pairs)

    def row(self, layer: str, stack: str, depth: int, measure: str) -> Row:
        """Return all of it."""
        sketch = self.sketch
        return Row(
            layer=layer,
            stack=stack,
            depth=depth,
            measure=measure,
            sequences=sketch.count,
            mean=sketch.mean,
            std=sketch.std,
            low=sketch.low,
            q05=sketch.quantile(0.05),
            median=sketch.quantile(0.5),
            q95=sketch.quantile(0.95),
            high=sketch.high,
            floor=self.floor,
            below_floor=self.below / sketch.count,
        )
