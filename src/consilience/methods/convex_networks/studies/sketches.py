"""Whether sketched cross products, volumes and inner products follow the laws stated for them.

Thresholds were fixed before any draw; each says how often it is missed by chance.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist, median

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure as Canvas
from scipy.stats import beta, ks_2samp, kstest

from consilience.ground import Evidence, Measurement, RunFolder, Streams, Table
from consilience.methods.convex_networks.blades import Blade
from consilience.methods.convex_networks.config import Config
from consilience.methods.convex_networks.sketch import inner_variance, lifted_cross, random_cross, sketched_inner
from consilience.methods.convex_networks.studies.drawing import COLOURS, GREY, plain
from consilience.methods.convex_networks.volume_law import SketchedVolumeLaw, interval

_SKETCHES = ((3, 20), (5, 40), (10, 80))
_DIMENSION = 30
_CHUNK = 500


@dataclass(frozen=True)
class _SketchedLaw:
    """Estimates of one volume and one inner product, over their true values or scales."""

    grade: int
    size: int
    volumes: Float[np.ndarray, " draw"]
    inners: Float[np.ndarray, " draw"]
    cosine: float
    inner_variance: float

    @cached_property
    def law(self) -> SketchedVolumeLaw:
        """The exact law of the volumes."""
        return SketchedVolumeLaw(self.grade, self.size)

    @property
    def deviations(self) -> tuple[float, float]:
        """Deviations of the two means from their expectations, in standard errors by the exact variances."""
        root = math.sqrt(len(self.volumes))
        return (
            float(self.volumes.mean() - 1) * root / math.sqrt(self.law.variance),
            float(self.inners.mean() - self.cosine) * root / math.sqrt(self.inner_variance),
        )

    @property
    def variance_ratios(self) -> tuple[float, float]:
        """Observed variances, about the true means, over the exact ones."""
        return (
            float(np.mean((self.volumes - 1) ** 2)) / self.law.variance,
            float(np.mean((self.inners - self.cosine) ** 2)) / self.inner_variance,
        )

    @property
    def coverage(self) -> float:
        """Share of exact 95 % intervals that held the volume."""
        low, high = interval(self.grade, self.size, 0.95)
        return float(np.mean((self.volumes >= low) & (self.volumes <= high)))

    @property
    def variance_errors(self) -> tuple[float, float]:
        """Standard errors of `variance_ratios`, by the fourth moments of the draws."""
        errors = [
            float(np.std((values - mean) ** 2)) / math.sqrt(len(values)) / variance
            for values, mean, variance in (
                (self.volumes, 1.0, self.law.variance),
                (self.inners, self.cosine, self.inner_variance),
            )
        ]
        return errors[0], errors[1]


def sketch(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure the claim ``convex.sketch``.

    Parameters
    ----------
    config
        ``sketch_draws`` says how many sketches are drawn for each of three grades and sizes, and how many normals for
        the test of their law.
    streams
        Where vectors and sketches are drawn from.
    folder
        Takes the figure.
    """
    draws = config.sketch_draws
    laws = [_draw_law(grade, size, draws, streams.generator(f"sketch {grade} {size}")) for grade, size in _SKETCHES]
    deviations = [abs(deviation) for law in laws for deviation in law.deviations]
    ratios = [ratio for law in laws for ratio in law.variance_ratios]
    lifted, deflated, exponent = _draw_normals(draws, streams.generator("sketch normals"))
    uniform = beta(0.5, exponent)
    p_values = (
        float(ks_2samp(lifted, deflated).pvalue),
        float(kstest(lifted, uniform.cdf).pvalue),
        float(kstest(deflated, uniform.cdf).pvalue),
    )
    adjusted = min(1.0, len(p_values) * min(p_values))
    by_chance = 1 - (2 * NormalDist().cdf(3) - 1) ** len(deviations)
    widest = max(error for law in laws for error in law.variance_errors)
    canvas = _draw_sketch(laws, lifted, deflated, exponent)
    return Evidence(
        measurements=(
            Measurement(
                name="largest deviation of a mean from its expectation, in standard errors",
                value=max(deviations),
                at_most=3.0,
                note=f"three volumes and three inner products, {draws} draws each, standard errors by the exact "
                f"variances; by chance it misses on {100 * by_chance:.1f} % of seeds",
            ),
            Measurement(
                name="largest relative deviation of a variance from the exact one",
                value=max(abs(ratio - 1) for ratio in ratios),
                at_most=0.1,
                note=f"three volumes and three inner products; the largest standard error is {widest:.3f}",
            ),
            *(
                Measurement(
                    name=f"coverage of exact 95 % intervals, {law.grade} vectors, sketch of {law.size}",
                    value=100 * law.coverage,
                    at_least=94.0,
                    at_most=96.0,
                    unit="%",
                    note=f"standard error {100 * math.sqrt(0.95 * 0.05 / draws):.2f} points",
                )
                for law in laws
            ),
            Measurement(
                name="largest cosine between a lifted cross product and its rows",
                value=_lifted_orthogonality(streams.generator("sketch lift")),
                at_most=1e-13,
                note="Gaussian, sign and coordinate-picking sketches, up to 500 dimensions",
            ),
            Measurement(
                name="p value that lifted and deflated normals are uniform, smallest of three, adjusted",
                value=adjusted,
                at_least=0.01,
                note="Kolmogorov and Smirnov, lifted against deflated and each against the exact law: "
                + ", ".join(f"{value:.2g}" for value in p_values)
                + "; by chance it misses on at most 1 % of seeds",
            ),
            _inner_coverage(min(draws // 10, 1000), streams.generator("sketch inner intervals")),
        ),
        tables=(_table_of_laws(laws),),
        figures=(
            folder.figure(
                "sketches",
                canvas,
                "Left, squared volumes estimated from sketches over the true ones, beside their exact law. Right, "
                "cosines of random normals to a fixed direction: lifted, deflated, and the exact law.",
            ),
        ),
    )


def _draw_law(grade: int, size: int, draws: int, generator: np.random.Generator) -> _SketchedLaw:
    """Estimate a squared volume and an inner product of the same sketched vectors many times."""
    left = generator.standard_normal((grade, _DIMENSION))
    right = left + 0.5 * generator.standard_normal((grade, _DIMENSION))
    first, second = Blade.from_vectors(left), Blade.from_vectors(right)
    overlap = first.frame.T @ second.frame
    sign = first.sign * second.sign
    log_factor = SketchedVolumeLaw(grade, size).log_factor
    volumes, inners = [], []
    for start in range(0, draws, _CHUNK):
        shape = (min(_CHUNK, draws - start), size, _DIMENSION)
        sketches = generator.standard_normal(shape) / math.sqrt(size)
        a, b = sketches @ left.T, sketches @ right.T
        transposed = a.swapaxes(1, 2)
        volumes.append(np.linalg.slogdet(transposed @ a).logabsdet - 2 * first.log_volume)
        signs, logs = np.linalg.slogdet(transposed @ b)
        inners.append(signs * np.exp(logs - first.log_volume - second.log_volume - log_factor))
    return _SketchedLaw(
        grade=grade,
        size=size,
        volumes=np.exp(np.concatenate(volumes) - log_factor),
        inners=np.concatenate(inners),
        cosine=sign * float(np.linalg.det(overlap)),
        inner_variance=inner_variance(np.linalg.svd(overlap, compute_uv=False).clip(0, 1), size),
    )


def _draw_normals(
    draws: int, generator: np.random.Generator
) -> tuple[Float[np.ndarray, " draw"], Float[np.ndarray, " draw"], float]:
    """Return squared cosines of lifted and deflated normals to a fixed direction, and the second shape of their law."""
    grade, dimension = 5, 20
    rows = generator.standard_normal((grade, dimension)) * np.geomspace(1, 100, grade)[:, None]
    many = np.broadcast_to(rows, (draws, grade, dimension))
    direction = Blade.from_vectors(rows).reject(generator.standard_normal(dimension))
    direction /= np.linalg.norm(direction)
    lifted = lifted_cross(many, generator.standard_normal((draws, grade + 1, dimension)))
    deflated = random_cross(many, generator)
    return (lifted @ direction) ** 2, (deflated @ direction) ** 2, (dimension - grade - 1) / 2


def _lifted_orthogonality(generator: np.random.Generator) -> float:
    largest = 0.0
    # Sign sketches of very few rows can repeat one, and then lift to nothing: hence the larger grades.
    for grade, dimension in ((4, 20), (7, 8), (8, 64), (31, 384), (99, 500)):
        rows = generator.standard_normal((grade, dimension))
        for drawn in (
            generator.standard_normal((grade + 1, dimension)),
            generator.choice([-1.0, 1.0], (grade + 1, dimension)),
            np.eye(dimension)[generator.choice(dimension, grade + 1, replace=False)],
        ):
            cosines = rows @ lifted_cross(rows, drawn) / np.linalg.norm(rows, axis=1)
            largest = max(largest, float(np.abs(cosines).max()))
    return largest


def _inner_coverage(draws: int, generator: np.random.Generator) -> Measurement:
    shares = []
    for grade, size in _SKETCHES:
        left = generator.standard_normal((grade, _DIMENSION))
        right = left + 0.5 * generator.standard_normal((grade, _DIMENSION))
        sign, log_truth = Blade.from_vectors(left).inner(Blade.from_vectors(right))
        covered = 0
        for _ in range(draws):
            estimate = sketched_inner(left, right, size, generator)
            covered += estimate.low <= sign * math.exp(log_truth - estimate.log_scale) <= estimate.high
        shares.append(100 * covered / draws)
    return Measurement(
        name="coverage of approximate 95 % intervals for inner products",
        value=median(shares),
        low=min(shares),
        high=max(shares),
        unit="%",
        note=f"no bar: no exact interval is known; {draws} draws for each of three grades, the ends are single grades",
    )


def _table_of_laws(laws: list[_SketchedLaw]) -> Table:
    return Table(
        title="Sketched volumes and inner products",
        columns=(
            "vectors",
            "sketch",
            "volume: deviation, s.e.",
            "variance / exact",
            "coverage, %",
            "inner: deviation, s.e.",
            "variance / exact ",
        ),
        rows=tuple(
            (
                law.grade,
                law.size,
                round(law.deviations[0], 2),
                round(law.variance_ratios[0], 3),
                round(100 * law.coverage, 2),
                round(law.deviations[1], 2),
                round(law.variance_ratios[1], 3),
            )
            for law in laws
        ),
        note="Means are of squared volumes; exact variances by the chi-square product law and by the principal angles.",
    )


def _draw_sketch(
    laws: list[_SketchedLaw],
    lifted: Float[np.ndarray, " draw"],
    deflated: Float[np.ndarray, " draw"],
    exponent: float,
) -> Canvas:
    canvas = Canvas(figsize=(9.0, 3.8), layout="constrained")
    left, right = canvas.subplots(1, 2)
    edges = np.linspace(-2.2, 1.6, 77)
    # One above the other: the laws are so alike that they would hide each other.
    for level, (law, colour) in enumerate(zip(laws, COLOURS, strict=False)):
        density, _ = np.histogram(np.log(law.volumes), edges)
        density = density / (len(law.volumes) * np.diff(edges)) + level
        left.stairs(density, edges, baseline=level, fill=True, color=colour, alpha=0.35)
        exact = np.array([law.law.distribution(math.exp(edge)) for edge in edges])
        left.plot((edges[1:] + edges[:-1]) / 2, np.diff(exact) / np.diff(edges) + level, color=colour, linewidth=1.5)
        left.text(-2.2, level + 0.35, f"{law.grade} vectors,\nsketch of {law.size}", color=colour, fontsize=8)
    left.set(xlabel="log of estimated over true squared volume", yticks=[])
    left.spines["left"].set_visible(False)
    edges = np.linspace(0, 0.9, 61)
    for squares, name, colour in ((lifted, "lifted", COLOURS[0]), (deflated, "deflated", COLOURS[1])):
        right.hist(np.sqrt(squares), edges, density=True, histtype="step", color=colour, linewidth=1.2, label=name)
    cosines = np.linspace(0, 0.9, 200)
    right.plot(cosines, np.gradient(beta(0.5, exponent).cdf(cosines**2), cosines), color=GREY, label="exact law")
    right.set(xlabel="absolute cosine to a fixed direction of the complement", ylabel="density")
    right.legend(frameon=False, fontsize=8, labelcolor="linecolor")
    for axes in (left, right):
        plain(axes)
    return canvas
