"""Many samples: fit time and memory as the table grows, beside gradient boosting, on two threads."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure as Canvas
from sklearn.datasets import make_classification
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from consilience.ground import Evidence, Measurement, RunFolder, Streams, Table
from consilience.methods.convex_networks.config import Config
from consilience.methods.convex_networks.estimators import ConvexReLUClassifier
from consilience.methods.convex_networks.studies.drawing import COLOURS, plain

FEATURES = 100
TEST_SAMPLES = 10_000
THREADS = 2

_CONVEX, _BOOSTING, _LINEAR = "convex network", "gradient boosting", "logistic regression"
_RATIOS = (0.03, 0.1, 0.3)
_CHOICE_SAMPLES = 3000
_MOST_TIMES, _MOST_GIB, _LARGEST = 2.0, 2.0, 50_000
_MIB = 1024.0

_PEAK = """
import json, sys
from consilience.ground.machine import peak_memory_mb
from consilience.methods.convex_networks.studies.scaling import growing_table, network
size, n_gates, ratio, seed = json.loads(sys.argv[1])
features, labels = growing_table(size, seed)
network(n_gates, ratio, seed).fit(features[:size], labels[:size])
print(1024 * peak_memory_mb())
"""


@dataclass(frozen=True)
class _Size:
    """What came out at one number of samples: seconds of every repetition, accuracies, the certified gap."""

    samples: int
    seconds: dict[str, list[float]]
    accuracy: dict[str, float]
    gap: float
    steps: int

    def median(self, model: str) -> float:
        """Return the median seconds of a model."""
        return float(np.median(self.seconds[model]))


def scaling(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure the claim ``convex.scale``.

    Parameters
    ----------
    config : Config
        ``scale_samples``, ``scale_repeats`` and ``n_gates`` are read.
    streams : Streams
        Draw the table, the gates and every model's randomness.
    folder : RunFolder
        Takes the picture.

    Returns
    -------
    Evidence
        The ratio of fit times and the memory are held against their bars at the largest size up to 50,000, the growth
        between the smallest and the largest. Times are of the wall clock, on two threads; for gradient boosting on
        one if that is faster.
    """
    seed = streams.integer("table") % 2**31
    features, labels = growing_table(max(config.scale_samples), seed)
    with threadpool_limits(THREADS):
        ratio = _chosen_ratio(features, labels, config.n_gates, seed)
        sizes = [
            _measure(features, labels, samples, config=config, ratio=ratio, seed=seed)
            for samples in config.scale_samples
        ]
    judged = max((size for size in sizes if size.samples <= _LARGEST), key=lambda size: size.samples)
    peak_mib = _peak_mib(judged.samples, config.n_gates, ratio, seed)
    return Evidence(
        measurements=_measurements(sizes, judged, peak_mib),
        tables=(_accuracies(sizes, ratio), _times(sizes)),
        figures=(
            folder.figure(
                "scaling",
                _draw(sizes),
                "Fit time against samples, two threads; the dotted line grows in proportion to the samples.",
            ),
        ),
        seeds=(seed,),
    )


def growing_table(samples: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw a table of 100 features and two classes in sixteen clusters, with 10,000 rows more for a test.

    Examples
    --------
    >>> features, labels = growing_table(1000, seed=3)
    >>> features.shape, sorted(set(labels.tolist()))
    ((11000, 100), [0, 1])
    """
    features, labels = make_classification(
        n_samples=samples + TEST_SAMPLES,
        n_features=FEATURES,
        n_informative=20,
        n_redundant=20,
        n_clusters_per_class=8,
        random_state=seed,
    )
    return features, labels


def network(n_gates: int, ratio: float, seed: int) -> ConvexReLUClassifier:
    """Return the estimator that is measured; "auto" chooses its solver.

    Examples
    --------
    >>> network(50, 0.1, seed=0).solver
    'auto'
    """
    return ConvexReLUClassifier(n_gates=n_gates, alpha_ratio=ratio, random_state=seed)


def _chosen_ratio(features: np.ndarray, labels: np.ndarray, n_gates: int, seed: int) -> float:
    """Choose the penalty on a few training rows: its natural unit does not depend on their number."""
    fit, judge = slice(0, _CHOICE_SAMPLES), slice(_CHOICE_SAMPLES, 5 * _CHOICE_SAMPLES // 3)
    scores = [
        network(n_gates, ratio, seed).fit(features[fit], labels[fit]).score(features[judge], labels[judge])
        for ratio in _RATIOS
    ]
    return _RATIOS[int(np.argmax(scores))]


def _measure(
    features: np.ndarray, labels: np.ndarray, samples: int, *, config: Config, ratio: float, seed: int
) -> _Size:
    test = slice(len(labels) - TEST_SAMPLES, None)
    models: dict[str, Any] = {
        _CONVEX: network(config.n_gates, ratio, seed),
        _BOOSTING: HistGradientBoostingClassifier(random_state=seed),
        _LINEAR: LogisticRegression(max_iter=1000),
    }
    seconds: dict[str, list[float]] = {name: [] for name in models}
    for _ in range(config.scale_repeats):
        for name, model in models.items():
            # On a busy machine two threads of gradient boosting wait for each other: its better time counts.
            times = [_seconds(model, features[:samples], labels[:samples], threads=THREADS)]
            if name == _BOOSTING:
                times.append(_seconds(model, features[:samples], labels[:samples], threads=1))
            seconds[name].append(min(times))
    return _Size(
        samples=samples,
        seconds=seconds,
        accuracy={name: 100.0 * float(model.score(features[test], labels[test])) for name, model in models.items()},
        gap=float(models[_CONVEX].duality_gap_),
        steps=int(models[_CONVEX].n_iter_),
    )


def _seconds(model: Any, features: np.ndarray, labels: np.ndarray, *, threads: int) -> float:
    with threadpool_limits(threads):
        began = time.perf_counter()
        model.fit(features, labels)
        return time.perf_counter() - began


def _peak_mib(samples: int, n_gates: int, ratio: float, seed: int) -> float:
    """Return the peak resident memory of a process that draws the table and fits once, in MiB."""
    command = [sys.executable, "-c", _PEAK, json.dumps([samples, n_gates, ratio, seed])]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - our own interpreter and code
    return float(done.stdout) / _MIB


def _measurements(sizes: list[_Size], judged: _Size, peak_mib: float) -> tuple[Measurement, ...]:
    ratios = np.asarray(judged.seconds[_CONVEX]) / np.asarray(judged.seconds[_BOOSTING])
    first, last = sizes[0], sizes[-1]
    steps = last.samples / first.samples
    growth = np.asarray(last.seconds[_CONVEX]) / np.asarray(first.seconds[_CONVEX]) / steps
    return (
        Measurement(
            name=f"fit time over gradient boosting's, {judged.samples:,} samples",
            value=float(np.median(ratios)),
            low=float(ratios.min()),
            high=float(ratios.max()),
            at_most=_MOST_TIMES,
            timing=True,
            note="paired repetitions, smallest to largest",
        ),
        Measurement(
            name=f"peak memory of the whole process, {judged.samples:,} samples",
            value=peak_mib / _MIB,
            at_most=_MOST_GIB,
            unit="GiB",
            timing=True,
        ),
        Measurement(
            name=f"growth of fit time over growth of samples, {first.samples:,} to {last.samples:,}",
            value=last.median(_CONVEX) / first.median(_CONVEX) / steps,
            low=float(growth.min()),
            high=float(growth.max()),
            at_most=1.0,
            timing=True,
        ),
        Measurement(
            name="accuracy above gradient boosting",
            value=judged.accuracy[_CONVEX] - judged.accuracy[_BOOSTING],
            unit="points",
        ),
        Measurement(name="largest certified relative gap", value=max(size.gap for size in sizes), at_most=1e-3),
    )


def _accuracies(sizes: list[_Size], ratio: float) -> Table:
    return Table(
        title="Accuracy on 10,000 further rows",
        columns=("samples", *(f"{name}, %" for name in sizes[0].accuracy), "steps"),
        rows=tuple((size.samples, *size.accuracy.values(), size.steps) for size in sizes),
        note=f"{FEATURES} features, two classes in sixteen clusters; alpha_ratio {ratio} by validation on 5,000 rows",
    )


def _times(sizes: list[_Size]) -> Table:
    return Table(
        title="Fit time on two threads",
        columns=("samples", *(f"{name}, s" for name in sizes[0].seconds)),
        rows=tuple((size.samples, *(size.median(name) for name in size.seconds)) for size in sizes),
        timing=True,
    )


def _draw(sizes: list[_Size]) -> Canvas:
    canvas = Canvas(figsize=(6.4, 3.6), layout="constrained")
    axes = canvas.subplots()
    samples = [size.samples for size in sizes]
    for name, colour in zip(sizes[0].seconds, COLOURS, strict=False):
        axes.plot(samples, [size.median(name) for size in sizes], "o-", color=colour, label=name)
    start = sizes[0].median(_CONVEX)
    axes.plot(samples, [start * count / samples[0] for count in samples], ":", color="grey", label="in proportion")
    axes.set(xscale="log", yscale="log", xlabel="samples", ylabel="fit time, s")
    axes.set_xticks(samples, [f"{count:,}" for count in samples])
    axes.minorticks_off()
    axes.set_ylim(bottom=10 ** math.floor(math.log10(min(min(size.seconds[_LINEAR]) for size in sizes))))
    axes.legend(frameon=False)
    plain(axes)
    return canvas
