"""What a probe keeps while batches come and go: a sketch of every measure at every layer."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

from consilience.ground.errors import InvalidInput
from consilience.methods.rank_collapse.findings import Row, Unmeasured
from consilience.methods.rank_collapse.formulas import MEASURES
from consilience.methods.rank_collapse.profile import REASONS, Profile, Reading, joined
from consilience.methods.rank_collapse.sketch import Sketch

__all__ = ["Record"]

_TOGETHER = 256
"""Numbers that wait before they go into a sketch."""

_NO_DIRECTION = 3
"""The reason of what is NaN for no other."""


_Alike: TypeAlias = tuple[tuple[str, ...], torch.dtype, torch.device]
"""What profiles have in common that are put together: measures, type of tokens, device."""


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
        self.types: Counter[torch.dtype] = Counter()
        """How often activations of each floating type were seen."""
        self._places: dict[str, tuple[str, int]] = {}
        self._kept: dict[tuple[str, str], _Kept] = {}
        self._unmeasured: Counter[tuple[str, str]] = Counter()
        self._profiles: dict[_Alike, list[tuple[str, Profile]]] = {}
        self._readings: list[_Waiting] = []

    def place(self, layer: str, stack: str, depth: int | None = None) -> None:
        """Give a layer its depth in its stack when it is first seen: the next one unless it is given."""
        if layer not in self._places:
            deepest = max((known for name, known in self._places.values() if name == stack), default=0)
            self._places[layer] = (stack, deepest + 1 if depth is None else depth)

    def take(self, layer: str, measures: tuple[str, ...], profile: Profile) -> None:
        """Take in the profile of a batch, of which these measures are wanted."""
        self._profiles.setdefault((measures, profile.kind, profile.moments.mu.device), []).append((layer, profile))

    def read(self, layer: str, measure: str, reading: Reading) -> None:
        """Take in a reading of a batch."""
        numbers = torch.stack([reading.value, reading.floor, torch.zeros_like(reading.value)])
        self._readings.append(_Waiting(layer, measure, numbers))

    def refuse(self, layer: str, reason: str) -> None:
        """Write down why a call of a layer could not be measured."""
        self._unmeasured[layer, reason] += 1

    def settle(self) -> None:
        """Compute what is wanted of profiles, of all layers together; bring it over, and keep it in sketches."""
        profiles, self._profiles = self._profiles, {}
        for (measures, _, _), found in profiles.items():
            together = joined([profile for _, profile in found])
            for measure in measures:
                try:
                    reading = MEASURES[measure](together)
                except InvalidInput as error:
                    for layer, _ in found:
                        self.refuse(layer, f"{measure}: {error}")
                    continue
                numbers = torch.stack([reading.value, reading.floor, together.reason.to(reading.value)])
                widths = [len(profile.moments.mu) for _, profile in found]
                self._keep([layer for layer, _ in found], measure, widths, numbers)
        readings, self._readings = self._readings, []
        for one in readings:
            self._keep([one.layer], one.measure, [one.numbers.shape[1]], one.numbers)

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

    def _keep(self, layers: list[str], measure: str, widths: list[int], numbers: Float[Tensor, "3 sequence"]) -> None:
        values = list(zip(*numbers.tolist(), strict=True))
        end = 0
        for layer, width in zip(layers, widths, strict=True):
            begin, end = end, end + width
            good = [(value, floor) for value, floor, _ in values[begin:end] if not math.isnan(value)]
            if good:
                self._kept.setdefault((layer, measure), _Kept()).add(good)
            for value, _, reason in values[begin:end]:
                if math.isnan(value):
                    self.refuse(layer, f"{measure}: {REASONS[int(reason) or _NO_DIRECTION]}")


class _Kept:
    """What is kept of one measure at one layer while batches come and go."""

    def __init__(self) -> None:
        self.sketch = Sketch()
        self.floor = 0.0
        self.below = 0
        self.newest: list[tuple[float, float]] = []

    def add(self, pairs: list[tuple[float, float]]) -> None:
        """Take in values of sequences and their floors. They go into the sketch many at a time, which is cheaper."""
        self.newest += pairs
        if len(self.newest) >= _TOGETHER:
            self.settle()

    def settle(self) -> None:
        """Bring into the sketch what came last."""
        pairs, self.newest = self.newest, []
        self.sketch.add(value for value, _ in pairs)
        self.floor = max([self.floor, *(floor for _, floor in pairs)])
        self.below += sum(abs(value) < floor for value, floor in pairs)

    def row(self, layer: str, stack: str, depth: int, measure: str) -> Row:
        """Return all of it."""
        self.settle()
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
