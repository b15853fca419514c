"""What decorrelation does to a preference that can be verified, and whether anything of it is left beside controls."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import numpy as np
from jaxtyping import Float

from consilience.ground import Evidence, Measurement, RunFolder, Streams, Table
from consilience.methods.decorrelated_preferences.config import Config
from consilience.methods.decorrelated_preferences.studies.arms import (
    ARMS,
    CONTROLS,
    TRAINED_LAYER,
    UNTRAINED_LAYER,
    Look,
    Outcome,
    outcomes,
)
from consilience.methods.decorrelated_preferences.studies.effect_drawing import draw
from consilience.methods.decorrelated_preferences.studies.spreads import difference, spread

__all__ = ["at_divergence", "early_stopped", "effect"]

COSINE, LITERAL, PLAIN, NORM = "cosine 1", "paper 1e-4", "DPO", "squared norm"
EARLY = "DPO, stopped early"
Values = Float[np.ndarray, " seed"]


class _Results:
    """Outcomes by arm, each over the same seeds."""

    def __init__(self, found: Sequence[Outcome]) -> None:
        self._found = {(one.arm, one.seed): one for one in found}
        self.seeds = tuple(dict.fromkeys(one.seed for one in found))

    def of(self, arm: str) -> list[Outcome]:
        return [self._found[arm, seed] for seed in self.seeds]

    def looks(self, arm: str) -> list[Look]:
        if arm == EARLY:
            return [early_stopped(one.looks) for one in self.of(PLAIN)]
        return [one.last for one in self.of(arm)]

    def values(self, arm: str, read: Callable[[Look], float]) -> Values:
        return np.array([read(look) for look in self.looks(arm)])

    def measure(self, arm: str, place: str, name: str) -> Values:
        return np.array([one.features[place].get(name, np.nan) for one in self.of(arm)])


def effect(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure the claim ``decpo.effect``.

    Every seed has its own digits, first policy and wrong labels. All arms of a seed start from one policy and see the
    same pairs in the same order.

    Parameters
    ----------
    config
        ``seeds``, ``processes``, and the sizes below them.
    streams
        Unused: seeds are listed in the configuration, so that the one for tuning stays apart.
    folder
        For the journal and the picture.
    """
    del streams
    found = _Results(outcomes(config, config.seeds, folder.record))
    caption = "Share of answers in order against the divergence from the reference, arm by arm; DPO's way as a line."
    return Evidence(
        measurements=(*_bars(found), *_beside(found), *_survival(found)),
        tables=(_table(found), _features(found)),
        figures=(folder.figure("effect", draw([one for arm in ARMS for one in found.of(arm.name)]), caption),),
        seeds=found.seeds,
    )


def early_stopped(looks: Sequence[Look]) -> Look:
    """Return the look, after the start, with the lowest loss on validation pairs, whose labels are as wrong."""
    return min(looks[1:], key=lambda look: look.validation_loss)


def at_divergence(looks: Sequence[Look], kl: float, read: Callable[[Look], float]) -> float:
    """Return what a run was like when it first came as far from the reference as `kl`, interpolated between looks.

    A run that never came so far is taken at its farthest.
    """
    for before, after in pairwise(looks):
        if after.kl >= kl:
            share = (kl - before.kl) / (after.kl - before.kl)
            return (1 - share) * read(before) + share * read(after)
    return read(max(looks, key=lambda look: look.kl))


def _bars(found: _Results) -> Iterator[Measurement]:
    for token, least in (("trained", 0.4), ("next", 0.08)):
        place = f"{TRAINED_LAYER}/{token}"
        raised = found.measure(COSINE, place, "decorrelation") - found.measure(PLAIN, place, "decorrelation")
        yield Measurement(
            name=f"cosine: decorrelation above DPO's at the {token} token",
            value=raised.min(),
            at_least=least,
            note=f"the least of {len(found.seeds)} seeds; mean {spread(raised)}; chosen answers that were held out",
        )
    ours, plain = found.values(COSINE, _margin), found.values(PLAIN, _margin)
    yield Measurement(
        name="cosine: margin against DPO's",
        value=ours.mean() / plain.mean(),
        at_least=0.95,
        note=f"means over seeds on held-out pairs: {spread(ours)} and {spread(plain)}; accuracy "
        f"{spread(found.values(COSINE, _accuracy))} and {spread(found.values(PLAIN, _accuracy))}",
    )
    literal, base = found.values(LITERAL, _rule), found.values(PLAIN, _rule)
    yield Measurement(
        name="literal form: share of answers in order against DPO's",
        value=(literal / np.maximum(base, 1e-9)).min(),
        at_least=2.0,
        note=f"the least of {len(found.seeds)} seeds; means {spread(literal)} and {spread(base)}, the first policy "
        f"{spread(np.array([one.looks[0].rule for one in found.of(PLAIN)]))}",
    )


def _beside(found: _Results) -> Iterator[Measurement]:
    """Yield what must stand beside the literal form: what it does to size, and how heavy it is."""
    place = f"{TRAINED_LAYER}/trained"
    yield Measurement(
        name="literal form: norm of features against the first policy's",
        value=found.measure(LITERAL, place, "norm_ratio").mean(),
        note="at the trained token, mean over seeds",
    )
    scale = np.array([one.scale for one in found.of(LITERAL)])
    yield Measurement(
        name="literal form: term against the preference loss at the first step",
        value=scale.mean(),
        note=f"{spread(scale)}",
    )


def _survival(found: _Results) -> Iterator[Measurement]:
    rivals = {name: found.values(name, _rule) for name in (EARLY, *CONTROLS)}
    best = max(rivals, key=lambda name: float(rivals[name].mean()))
    for name, arm in (("cosine", COSINE), ("literal form", LITERAL)):
        matched = np.array(
            [
                at_divergence(plain.looks, own.last.kl, _rule)
                for own, plain in zip(found.of(arm), found.of(PLAIN), strict=True)
            ]
        )
        yield from (
            difference(
                f"{name}: answers in order above {rival}",
                found.values(arm, _rule) - values,
                unit="points",
                scale=100,
                note=note,
            )
            for rival, values, note in (
                ("DPO", found.values(PLAIN, _rule), ""),
                (
                    f"the best control ({best})",
                    rivals[best],
                    "the control with the most answers in order, of all in the table",
                ),
                ("DPO at the same divergence", matched, "DPO where it first came as far from the reference"),
                ("a penalty on the squared norm", rivals[NORM], "its strength was tuned to the literal form's norm"),
            )
        )


def _table(found: _Results) -> Table:
    names = (PLAIN, EARLY, *(arm.name for arm in ARMS if arm.name != PLAIN))
    first = spread(np.array([one.looks[0].rule for one in found.of(PLAIN)]))
    reads: dict[str, Callable[[Look], float]] = {
        "held-out accuracy": _accuracy,
        "held-out margin": _margin,
        "answers in order": _rule,
        "chosen log-probability": lambda look: look.displacement,
        "divergence, nats": lambda look: look.kl,
    }
    rows = []
    for name in names:
        cells = [spread(found.values(name, read)) for read in reads.values()]
        outcome = found.of(PLAIN if name == EARLY else name)
        own = name != EARLY
        train = spread(np.array([one.train_accuracy for one in outcome])) if own else None
        scale = float(f"{np.mean([one.scale for one in outcome]):.3g}") if own else None
        kind = "control" if name in (EARLY, *CONTROLS) else ("" if name == PLAIN else "decorrelation")
        rows.append((name, kind, *cells, train, scale))
    return Table(
        title="Arms, mean and standard deviation over seeds",
        columns=("arm", "kind", *reads, "accuracy on noisy training pairs", "term against loss at the first step"),
        rows=tuple(rows),
        note=f"Seeds {', '.join(map(str, found.seeds))}. Margins of arms with another beta or loss are not comparable. "
        f"The first policy puts {first} of answers in order.",
    )


def _features(found: _Results) -> Table:
    names = ("decorrelation", "norm_ratio", "variance", "relative_variance", "hoyer", "kurtosis", "effective_rank")
    places = [f"{layer}/{token}" for layer in (TRAINED_LAYER, UNTRAINED_LAYER) for token in ("trained", "next")]
    rows = tuple(
        (arm.name, place.replace("/", ", "), *(spread(found.measure(arm.name, place, name)) for name in names))
        for arm in ARMS
        for place in places
    )
    return Table(
        title="Features of held-out answers, by layer and token",
        columns=("arm", "layer, token", *(name.replace("_", " ") for name in names)),
        rows=rows,
        note=f"The regulariser reads layer {TRAINED_LAYER} at the last digit (trained); the end of the answer follows "
        "it (next). Norms are against the first policy's.",
    )


def _margin(look: Look) -> float:
    return look.margin


def _accuracy(look: Look) -> float:
    return look.accuracy


def _rule(look: Look) -> float:
    return look.rule
