"""What decorrelation does to a pretrained policy and preferences of one's own: a report beside DPO, without bars."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

import numpy as np
from jaxtyping import Float

from consilience.ground import Evidence, Measurement, RunFolder, Streams, Table
from consilience.methods.decorrelated_preferences.config import Config
from consilience.methods.decorrelated_preferences.evaluation import Preferences
from consilience.methods.decorrelated_preferences.studies.policy_arms import (
    BEFORE,
    COSINE,
    L1,
    LITERAL,
    PLAIN,
    READ,
    Judged,
    judged_arms,
)
from consilience.methods.decorrelated_preferences.studies.spreads import difference, spread

__all__ = ["policy"]

Values = Float[np.ndarray, " seed"]
_Read: TypeAlias = tuple[str, Callable[[Preferences], float], str, float]
MEASURES = ("decorrelation", "variance", "relative_variance", "norm")
"""Columns of the table of features."""


class _Results:
    """Judgements by arm, each over the same seeds."""

    def __init__(self, found: Mapping[tuple[str, int], Judged], beta: float) -> None:
        self._found, self._beta = found, beta
        self.seeds = tuple(dict.fromkeys(seed for _, seed in found))

    def of(self, arm: str) -> list[Judged]:
        return [self._found[arm, seed] for seed in self.seeds]

    def values(self, arm: str, read: Callable[[Preferences], float]) -> Values:
        before = self.of(BEFORE)
        return np.array(
            [read(own.against(base, beta=self._beta)) for own, base in zip(self.of(arm), before, strict=True)]
        )

    def scales(self, arm: str) -> Values:
        return np.array([one.scale for one in self.of(arm)])

    def measure(self, arm: str, layer: int, token: str, name: str) -> Values:
        """Return a measure at the regularised layer (0) or at the other one (1)."""
        return np.array([one.features[f"{one.layers[layer]}/{token}"][name] for one in self.of(arm)])


def policy(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure the claim ``decpo.policy``.

    All arms of a seed start from one policy and see the same pairs in the same order; the reference is that policy as
    it was.

    Parameters
    ----------
    config
        ``policy`` and all that begins with it; ``device``.
    streams
        Unused: seeds are listed in the configuration.
    folder
        For the journal, and for arms that are finished.
    """
    del streams
    found = _Results(judged_arms(config, folder), config.policy_beta)
    return Evidence(
        measurements=tuple(_beside(found)),
        tables=(_table(config, found), _features(found)),
        seeds=found.seeds,
    )


def _beside(found: _Results) -> Iterator[Measurement]:
    for arm in (COSINE, LITERAL, L1):
        for words, read, unit, scale in _READS:
            yield difference(
                f"{arm}: {words} above DPO's",
                found.values(arm, read) - found.values(PLAIN, read),
                unit=unit,
                scale=scale,
                note="held-out pairs",
            )
        for layer, place in enumerate(("regularised", "other")):
            yield difference(
                f"{arm}: decorrelation above DPO's, {place} layer",
                found.measure(arm, layer, "last", "decorrelation")
                - found.measure(PLAIN, layer, "last", "decorrelation"),
                note="last token of held-out chosen answers",
            )


def _table(config: Config, found: _Results) -> Table:
    columns: tuple[_Read, ...] = (*_READS, ("loss of DPO", lambda one: one.loss, "", 1.0))
    rows: tuple[tuple[str | float, ...], ...] = tuple(
        (
            arm,
            _WEIGHTS[arm](config),
            *(spread(scale * found.values(arm, read)) for _, read, _, scale in columns),
            float(f"{found.scales(arm).mean():.3g}"),
        )
        for arm in (PLAIN, COSINE, LITERAL, L1)
    )
    trained, judged = found.of(PLAIN)[0].pairs
    return Table(
        title="Arms on pairs that were held out",
        columns=(
            "arm",
            "weight",
            *(f"{words}, {unit}" if unit else words for words, _, unit, _ in columns),
            "term against loss at the first step",
        ),
        rows=rows,
        note=f"{config.policy} on {trained} pairs of {config.policy_pairs}; judged on {judged}. Seeds "
        f"{', '.join(map(str, found.seeds))}; ±: standard deviation over them. Displacement: what the log-probability "
        "of chosen answers has gained since before training; below zero they became less likely.",
    )


def _features(found: _Results) -> Table:
    layers = found.of(PLAIN)[0].layers
    rows = tuple(
        (
            arm,
            f"{number} ({place})",
            token,
            *(spread(found.measure(arm, layer, token, name)) for name in MEASURES),
            spread(found.measure(arm, layer, token, "norm") / found.measure(BEFORE, layer, token, "norm")),
        )
        for arm in (BEFORE, PLAIN, COSINE, LITERAL, L1)
        for layer, (number, place) in enumerate(zip(layers, ("regularised", "other"), strict=True))
        for token in READ
    )
    return Table(
        title="Features of held-out chosen answers, by layer and token",
        columns=("arm", "layer", "token", *(name.replace("_", " ") for name in MEASURES), "norm against before"),
        rows=rows,
        note="The regulariser reads the last token at the first of both layers.",
    )


_READS: tuple[_Read, ...] = (
    ("margin", lambda one: one.margin, "", 1.0),
    ("preference accuracy", lambda one: one.accuracy, "points", 100.0),
    ("displacement of chosen answers", lambda one: one.displacement, "nats", 1.0),
)
"""What is read of held-out pairs: words, how, unit and factor to it."""

_WEIGHTS: Mapping[str, Callable[[Config], float]] = {
    PLAIN: lambda _: 0.0,
    COSINE: lambda config: config.policy_cosine,
    LITERAL: lambda config: config.policy_literal,
    L1: lambda config: config.policy_l1,
}
