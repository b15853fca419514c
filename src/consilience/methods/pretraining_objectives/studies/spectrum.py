"""Whether the theory of objectives is exact: factorisation, bound, laws of diversity and of lengths."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure as Canvas

from consilience.ground import Evidence, Measurement, RunFolder, Streams, Table
from consilience.methods.pretraining_objectives.bound import ProbeBound, probe_bound
from consilience.methods.pretraining_objectives.config import Config
from consilience.methods.pretraining_objectives.diversity import ClassJoint, finite_residual
from consilience.methods.pretraining_objectives.drawing import COLOURS, GREY, plain
from consilience.methods.pretraining_objectives.factorisation import factorisation_error, spectral_loss
from consilience.methods.pretraining_objectives.joint import Joint
from consilience.methods.pretraining_objectives.lengths import (
    EveryPrefix,
    FixedVisible,
    UniformVisible,
    Visible,
    coverage,
)
from consilience.methods.pretraining_objectives.spectra import spectrum as spectrum_of

__all__ = ["spectrum"]

TARGETS = (1, 2, 4, 8, 19)
"""Targets a context sees; the last is 15 % of 128 tokens."""
CLASSES, CONTEXTS, VOCABULARY, NOISE = 4, 400, 30, 0.1
LENGTH = 64
"""Tokens of the rows whose lengths are compared."""
LENGTHS: dict[str, tuple[Visible, float]] = {
    "next token": (EveryPrefix(), 0.0),
    "15 % hidden": (FixedVisible(0.15), 0.0),
    "75 % hidden": (FixedVisible(0.75), 0.0),
    "uniform ratio": (UniformVisible(), 0.0),
    "uniform ratio, half of the rows suffixes": (UniformVisible(), 0.5),
}


@dataclass(frozen=True)
class _Law:
    """Graphs of classes with a number of targets, drawn several times."""

    targets: int
    residuals: tuple[float, ...]
    """Squares of the first singular value beyond the classes."""
    bounds: tuple[ProbeBound, ...]

    @property
    def measured(self) -> float:
        return float(np.mean(self.residuals))

    @property
    def expected(self) -> float:
        return finite_residual(self.targets, CONTEXTS, VOCABULARY)

    @property
    def deviation(self) -> float:
        """Of the mean, in percent."""
        return 100 * abs(self.measured / self.expected - 1)

    @property
    def worst(self) -> float:
        """Of any single draw, in percent."""
        return max(100 * abs(found / self.expected - 1) for found in self.residuals)


def spectrum(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure the claim ``pretrain.spectrum``.

    Parameters
    ----------
    config
        ``spectrum_joints``, ``spectrum_draws``.
    streams
    folder
    """
    identity, bounds = _random_joints(config.spectrum_joints, streams.generator("joints"))
    laws = [_law(targets, config.spectrum_draws, streams.generator(f"graph {targets}")) for targets in TARGETS]
    bounds += [bound for law in laws for bound in law.bounds]
    several = [law for law in laws if law.targets > 1]
    telling = [law.targets for law in laws if all(bound.error_bound < 1 for bound in law.bounds)]
    caption = "Square of the first singular value beyond the classes, by targets a context; line: the law."
    return Evidence(
        measurements=(
            Measurement(
                name="violations of the probe's bound",
                value=sum(not bound.holds for bound in bounds),
                at_most=0,
                note=f"{config.spectrum_joints} random joints and {len(bounds) - config.spectrum_joints} graphs of "
                "classes, bounds of the squared error and of the error",
            ),
            Measurement(name="random joints looked at", value=config.spectrum_joints, at_least=200),
            Measurement(
                name="loss against matrix factorisation",
                value=identity,
                at_most=1e-10,
                note="largest difference, relative to the larger of 1 and the squared error; random features",
            ),
            Measurement(
                name="finite-sample law, largest deviation",
                value=max(law.deviation for law in several),
                at_most=5.0,
                unit="%",
                note=f"of the square's mean over {config.spectrum_draws} draws, for K of 2 or more; largest of a "
                f"single draw {max(law.worst for law in several):.1f} %",
            ),
            Measurement(
                name="fewest targets whose bound on the error says something",
                value=min(telling) if telling else None,
                note="of those looked at; below 1 in every draw"
                if telling
                else "the bound is 1 or more for every number of targets",
            ),
        ),
        tables=(_law_table(laws, config), _length_table()),
        figures=(folder.figure("diversity", _drawn(laws), caption),),
    )


def _random_joints(count: int, generator: np.random.Generator) -> tuple[float, list[ProbeBound]]:
    """Return the largest error of the identity, and a bound for each of many joints of all shapes."""
    worst, bounds = 0.0, []
    for _ in range(count):
        contexts, targets, labels = generator.integers(3, 25), generator.integers(3, 25), int(generator.integers(2, 5))
        joint = Joint.of(generator.gamma(10 ** generator.uniform(-1.5, 0.5), size=(contexts, targets)))
        rank = int(generator.integers(1, min(contexts, targets)))
        f, g = (generator.standard_normal((size, rank)) for size in (contexts, targets))
        error = factorisation_error(joint, f, g)
        norm = float((joint.normalised.data**2).sum())
        worst = max(worst, abs(spectral_loss(joint, f, g) - (error - norm)) / max(error, 1.0))
        mixtures = [generator.dirichlet(np.full(labels, 0.3), size=size) for size in (contexts, targets)]
        given = (mixtures[0], None) if generator.random() < 0.5 else (_hard(mixtures[0]), _hard(mixtures[1]))  # noqa: PLR2004 - a coin
        bounds.append(probe_bound(spectrum_of(joint), *given, rank=rank))
    return worst, bounds


def _hard(mixture: np.ndarray) -> np.ndarray:
    """Return unit vectors of the likeliest labels."""
    return np.asarray(np.eye(mixture.shape[1])[mixture.argmax(axis=1)])


def _law(targets: int, draws: int, generator: np.random.Generator) -> _Law:
    residuals, bounds = [], []
    for _ in range(draws):
        drawn = ClassJoint.drawn(
            generator, targets=targets, classes=CLASSES, contexts=CONTEXTS, vocabulary=VOCABULARY, noise=NOISE
        )
        found = spectrum_of(drawn.joint)
        residuals.append(found.residual(CLASSES) ** 2)
        bounds.append(probe_bound(found, drawn.contexts, drawn.targets, rank=CLASSES))
    return _Law(targets, tuple(residuals), tuple(bounds))


def _law_table(laws: list[_Law], config: Config) -> Table:
    return Table(
        title="Targets a context, and what becomes of a probe",
        columns=(
            "K",
            "residual measured",
            "law",
            "1/K",
            "alpha",
            "squared error",
            "its bound",
            "error",
            "its bound on the error",
        ),
        rows=tuple(
            (
                law.targets,
                round(law.measured, 4),
                round(law.expected, 4),
                round(1 / law.targets, 4),
                *(
                    round(float(np.mean([getattr(bound, name) for bound in law.bounds])), 4)
                    for name in ("alpha", "squared_error", "squared_error_bound", "error", "error_bound")
                ),
            )
            for law in laws
        ),
        note=f"{CLASSES} classes, {CONTEXTS} contexts and {VOCABULARY} targets each, {NOISE:.0%} of targets from any "
        f"class, features of width {CLASSES}; means over {config.spectrum_draws} draws. The residual is the square of "
        "the first singular value that the features do not have. A bound on the error of 1 or more says nothing. With "
        "one target the law is not meant to hold: the graph falls apart.",
    )


def _length_table() -> Table:
    rows = []
    for name, (training, suffixes) in LENGTHS.items():
        found = coverage(LENGTH, training, suffix_share=suffixes)
        rows.append(
            (
                name,
                float(f"{found.worst_ratio:.4g}"),
                round(found.total_variation, 4),
                float(f"{found.short:.3g}"),
                float(f"{found.prefix_ratio:.3g}"),
            )
        )
    return Table(
        title=f"Lengths that training covers, of prefixes in rows of {LENGTH} tokens",
        columns=(
            "training",
            "largest p/q of visible counts",
            "total variation",
            "rows with less than half visible",
            "largest p/q of prefixes",
        ),
        rows=tuple(rows),
        note="Test prefixes have 0 to 63 tokens, all equally likely. Exact.",
    )


def _drawn(laws: list[_Law]) -> Canvas:
    canvas = Canvas(figsize=(4.6, 3.4), layout="constrained")
    axes = canvas.subplots()
    grid = np.arange(2, 25)
    axes.plot(grid, [finite_residual(int(k), CONTEXTS, VOCABULARY) for k in grid], color=GREY, linewidth=1.2)
    for law in laws:
        axes.plot([law.targets] * len(law.residuals), law.residuals, "o", color=COLOURS[0], markersize=4, alpha=0.5)
    axes.set(xscale="log", yscale="log", xlabel="targets a context (K)", ylabel="residual")
    axes.set_xticks(TARGETS, labels=[str(targets) for targets in TARGETS])
    axes.set_yticks([0.1, 0.2, 0.5, 1.0], labels=["0.1", "0.2", "0.5", "1"])
    axes.minorticks_off()
    plain(axes)
    return canvas
