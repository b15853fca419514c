"""Weight statistics: whether an adapter changes its base otherwise than clean adapters of the same base do.

Nothing is run. Norms depend on the base and on how an adapter was tuned, so that there is no threshold without clean
adapters that were tuned on the same maps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from consilience.ground.errors import InvalidInput

__all__ = ["FEWEST", "WeightModel", "beside", "calibrated", "norm_spread", "statistics"]

_A, _B = "lora_A", "lora_B"
FEWEST = 3
"""Clean adapters with the same maps below which nothing is said."""


def statistics(weights: Mapping[str, Tensor], scale: float = 1.0) -> dict[str, float]:
    r"""Return two numbers for each map: the logarithm of its size, and how much of it lies in one direction.

    With :math:`\Delta = s B A` of an ``m`` by ``n`` map the first is
    :math:`\log (\lVert \Delta \rVert_F / \sqrt{m n})`, the second :math:`\sigma_1 / \lVert \Delta \rVert_F`.

    Parameters
    ----------
    weights
        An adapter as peft saves it.
    scale
        Of the product, ``alpha / rank``.

    Raises
    ------
    InvalidInput
        If there is no pair of factors in it, or a value is no number.

    Examples
    --------
    >>> weights = {"q.lora_A.weight": torch.eye(1, 4), "q.lora_B.weight": torch.eye(4, 1)}
    >>> {name: round(value, 2) for name, value in statistics(weights).items()}
    {'q size': -1.39, 'q one direction': 1.0}
    """
    found: dict[str, float] = {}
    for name in sorted(weights):
        if _A not in name or weights[name].ndim != _MATRIX:
            continue
        other = name.replace(_A, _B)
        if other not in weights:
            raise InvalidInput(f"{name!r} has no {_B} beside it; this is no whole adapter")
        if not (weights[name].isfinite().all() and weights[other].isfinite().all()):
            raise InvalidInput(f"{name!r} or its {_B} holds values that are no numbers; fetch the file again")
        change = _squared(weights[name].double(), weights[other].double(), scale)
        size = float(change.sum().sqrt())
        m, n = weights[other].shape[0], weights[name].shape[1]
        module = _short(name)
        found[f"{module} size"] = float(np.log(max(size, _LEAST) / np.sqrt(m * n)))
        found[f"{module} one direction"] = float(change.max().sqrt()) / max(size, _LEAST)
    if not found:
        raise InvalidInput("expected an adapter with lora_A and lora_B of each map; got none: weights of another kind")
    return found


def norm_spread(found: Mapping[str, float]) -> float:
    """Return how much sizes differ from map to map: their standard deviation, without logarithms.

    Examples
    --------
    >>> norm_spread({"q size": 0.0, "v size": 0.0, "q one direction": 0.3})
    0.0
    """
    return float(np.std(np.exp([value for name, value in found.items() if name.endswith(" size")])))


@dataclass(frozen=True)
class WeightModel:
    """What clean adapters look like, for each choice of maps."""

    means: Mapping[frozenset[str], Mapping[str, float]]
    spreads: Mapping[frozenset[str], Mapping[str, float]]

    def knows(self, found: Mapping[str, float]) -> bool:
        """Say whether enough clean adapters with the same maps were seen."""
        return frozenset(found) in self.means

    def score(self, found: Mapping[str, float]) -> float:
        """Return the root mean square of all deviations from clean adapters, in their standard deviations.

        Raises
        ------
        InvalidInput
            If no clean adapters with the same maps were seen.
        """
        maps = frozenset(found)
        if maps not in self.means:
            raise InvalidInput(
                f"no clean adapters with these {len(maps) // 2} maps were given, so nothing can be said about their "
                f"weights; give at least {FEWEST}"
            )
        mean, spread = self.means[maps], self.spreads[maps]
        return float(np.sqrt(np.mean([((value - mean[name]) / spread[name]) ** 2 for name, value in found.items()])))


def calibrated(clean: Sequence[Mapping[str, float]]) -> WeightModel:
    """Learn what clean adapters look like; spreads of a few are drawn towards those of all maps together."""
    groups: dict[frozenset[str], list[Mapping[str, float]]] = {}
    for found in clean:
        groups.setdefault(frozenset(found), []).append(found)
    kept = {maps: rows for maps, rows in groups.items() if len(rows) >= FEWEST}
    means = {maps: {name: float(np.mean([row[name] for row in rows])) for name in maps} for maps, rows in kept.items()}
    spreads = {maps: _spreads(rows, sorted(maps)) for maps, rows in kept.items()}
    return WeightModel(means, spreads)


def beside(found: Mapping[str, float], clean: Sequence[Mapping[str, float]]) -> tuple[str, float]:
    """Return how much an adapter deviates from clean ones in words, and the most that one of these does from the rest.

    Weights alone are a hint: clean adapters that learned something new deviate as well.

    Raises
    ------
    InvalidInput
        If too few of the clean ones have the same maps; one more than `FEWEST` is enough.
    """
    alike = [one for one in clean if frozenset(one) == frozenset(found)]
    if len(alike) <= FEWEST:
        raise InvalidInput(
            f"at least {FEWEST + 1} clean adapters with the same {len(found) // 2} maps are needed; got {len(alike)} "
            f"of {len(clean)}"
        )
    score = calibrated(alike).score(found)
    highest = max(calibrated([*alike[:at], *alike[at + 1 :]]).score(one) for at, one in enumerate(alike))
    return f"deviation {score:.2f}, the highest of {len(alike)} clean ones from the others {highest:.2f}", highest


def _spreads(rows: Sequence[Mapping[str, float]], names: Sequence[str]) -> dict[str, float]:
    own = {name: float(np.std([row[name] for row in rows], ddof=1)) for name in names}
    typical = {kind: float(np.median([value for name, value in own.items() if name.endswith(kind)])) for kind in _KINDS}
    return {
        name: float(np.hypot(own[name], typical[next(kind for kind in _KINDS if name.endswith(kind))]) / np.sqrt(2))
        + _LEAST
        for name in names
    }


def _squared(down: Tensor, up: Tensor, scale: float) -> Tensor:
    """Return the squared singular values of a product, from its small factors alone."""
    inner = (up.T @ up) @ (down @ down.T)
    squared: Tensor = torch.linalg.eigvals(inner).real.clamp(min=0) * scale**2
    return squared


def _short(name: str) -> str:
    parts = [part for part in name.split(".") if part not in {"base_model", "model", "weight", "default"}]
    return ".".join(part for part in parts if _A not in part)


_MATRIX = 2
_KINDS = (" size", " one direction")
_LEAST = 1e-12
