"""Whether cross products stay exact, and fast, in hundreds of dimensions.

Accuracy is judged by rational arithmetic and by the residual, speed beside the singular value decomposition and beside
two geometric algebra libraries, all in one run, on one thread, in processor time.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from statistics import median

import numpy as np
from matplotlib.figure import Figure as Canvas
from threadpoolctl import threadpool_limits

from consilience.ground import Evidence, Measurement, MissingDependency, RunFolder, Streams, Table
from consilience.methods.convex_networks.config import Config
from consilience.methods.convex_networks.cross_products import cross as cross_product
from consilience.methods.convex_networks.cross_products import cross_all
from consilience.methods.convex_networks.studies.drawing import COLOURS, GREY, plain
from consilience.methods.convex_networks.studies.peers import prepare_product
from consilience.methods.convex_networks.studies.rational import exact_cross, exact_unit

_EPSILON = 2.0**-52
_HIGH_DIMENSION = 384
_PEER_DIMENSION = 11
_PEERS = ("kingdon", "clifford")
_NO_LARGE_DIMENSION = f"no dimension of at least {_HIGH_DIMENSION} in this recipe"
_LARGEST_EXACT_DIMENSION = 64
_SIGN_CASES = 400
_MINIMAL_SECONDS = 2e-2


@dataclass(frozen=True)
class _Size:
    """What was seen in one dimension; times in milliseconds of processor time, one for each matrix."""

    dimension: int
    residual: float
    finite: bool
    cross_ms: list[float]
    decomposition_ms: list[float]
    bulk_ms: list[float]

    @property
    def ratios(self) -> list[float]:
        """How many times longer the singular value decomposition took, matrix by matrix."""
        return [slow / fast for slow, fast in zip(self.decomposition_ms, self.cross_ms, strict=True)]


@dataclass(frozen=True)
class _Peer:
    library: str
    first_ms: float
    product_ms: list[float]
    cross_ms: list[float]
    disagreement: float


def cross(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure the claim ``convex.cross``.

    Parameters
    ----------
    config
        ``cross_dimensions`` and ``cross_repeats``: the dimensions, and how many Gaussian matrices, each timed once, in
        each. The other libraries, one of which compiles for ten seconds, are asked when a dimension is large.
    streams
        Where the matrices are drawn from.
    folder
        Takes the figure, and the times as metrics.
    """
    with threadpool_limits(limits=1):
        sizes = [
            _look_at_size(dimension, config.cross_repeats, streams.generator(f"cross {dimension}"))
            for dimension in config.cross_dimensions
        ]
        large = max(config.cross_dimensions) >= _HIGH_DIMENSION
        libraries = (*_PEERS, "consilience") if large else ()
        peers, missing = _ask_peers(libraries, config.cross_repeats, streams.generator("cross peers"))
    for size in sizes:
        folder.metric("cross product", median(size.cross_ms), dimension=size.dimension, unit="ms")
    signs = _share_of_exact_signs(streams.generator("cross signs"))
    errors = {
        dimension: _relative_forward_error(dimension, streams.generator(f"cross error {dimension}"))
        for dimension in config.cross_dimensions
        if dimension <= _LARGEST_EXACT_DIMENSION
    }
    high = [size for size in sizes if size.dimension >= _HIGH_DIMENSION]
    canvas = _draw_cross(sizes, peers)
    return Evidence(
        measurements=(
            Measurement(
                name="largest residual |Av| / (|A| |v|)",
                value=max(size.residual for size in sizes),
                at_most=5e-15,
                note=f"spectral norm of A, {config.cross_repeats} Gaussian matrices in each of "
                f"{len(sizes)} dimensions from {sizes[0].dimension} to {sizes[-1].dimension}",
            ),
            Measurement(
                name="share of dimensions with a finite log norm",
                value=float(np.mean([size.finite for size in sizes])),
                at_least=1.0,
            ),
            Measurement(
                name="share of signs equal to rational arithmetic's",
                value=signs,
                at_least=1.0,
                note=f"{_SIGN_CASES} matrices of small integers, a third nearly and a third exactly dependent",
            ),
            Measurement(
                name="largest forward error over machine epsilon times condition",
                value=max(errors.values(), default=None),
                at_most=10.0,
                note="against rational arithmetic, signs included, conditions up to 1e5"
                if errors
                else f"no dimension of at most {_LARGEST_EXACT_DIMENSION} in this recipe",
            ),
            Measurement(
                name=f"times faster than the full SVD, smallest at d of at least {_HIGH_DIMENSION}",
                value=min((median(size.ratios) for size in high), default=None),
                low=min((min(size.ratios) for size in high), default=None),
                high=max((max(size.ratios) for size in high), default=None),
                at_least=10.0,
                timing=True,
                note=f"medians of {config.cross_repeats} pairs; the ends are single pairs"
                if high
                else _NO_LARGE_DIMENSION,
            ),
            *(_faster_than(library, peers.get(library), missing.get(library, "")) for library in _PEERS),
            Measurement(
                name="largest difference of direction to the other libraries",
                value=max((peer.disagreement for peer in peers.values()), default=None),
                at_most=1e-12,
                note="; ".join(dict.fromkeys(missing.values())),
            ),
            _bulk(sizes),
        ),
        tables=(_table_of_sizes(sizes, errors), *((_table_of_peers(peers),) if peers else ())),
        figures=(
            folder.figure(
                "cross_products",
                canvas,
                "Left, processor time of one cross product: LU with one refinement, one of d from one inverse, and the "
                "last vector of a full SVD; other libraries at d = 11. Right, its residual, and the bar.",
            ),
        ),
    )


def _look_at_size(dimension: int, repeats: int, generator: np.random.Generator) -> _Size:
    residual, finite = 0.0, True
    times: tuple[list[float], list[float], list[float]] = ([], [], [])
    for _ in range(repeats):
        square = generator.standard_normal((dimension, dimension))
        rows = square[1:]
        product = cross_product(rows)
        largest = float(np.linalg.norm(rows, 2))
        residual = max(residual, float(np.linalg.norm(rows @ product.unit)) / largest)
        finite = finite and bool(np.isfinite(product.log_magnitude))
        # Next to each other, so that whatever else the machine does slows all of them.
        times[0].append(_milliseconds(partial(cross_product, rows)))
        times[1].append(_milliseconds(partial(np.linalg.svd, rows.T)))
        times[2].append(_milliseconds(partial(cross_all, square)) / dimension)
    return _Size(dimension, residual, finite, *times)


def _milliseconds(call: Callable[[], object]) -> float:
    """Processor time of one call, from as many as fill twenty milliseconds."""
    calls, start = 0, time.process_time()
    while (spent := time.process_time() - start) < _MINIMAL_SECONDS or not calls:
        call()
        calls += 1
    return 1e3 * spent / calls


def _ask_peers(
    libraries: tuple[str, ...], repeats: int, generator: np.random.Generator
) -> tuple[dict[str, _Peer], dict[str, str]]:
    """Time the libraries that are installed, and say why the others were not asked."""
    rows = generator.standard_normal((_PEER_DIMENSION - 1, _PEER_DIMENSION))
    peers: dict[str, _Peer] = {}
    missing = dict.fromkeys(_PEERS, _NO_LARGE_DIMENSION) if not libraries else {}
    for library in libraries:
        try:
            product = prepare_product(library, rows)
        except MissingDependency as error:
            missing[library] = str(error)
            continue
        start = time.process_time()
        direction = product()
        first_ms = 1e3 * (time.process_time() - start)
        product()
        direction = direction / np.linalg.norm(direction)
        unit = cross_product(rows).unit
        pairs = [(_milliseconds(product), _milliseconds(partial(cross_product, rows))) for _ in range(repeats)]
        # Up to sign: in even dimensions the libraries' duals differ from each other, and from ours, by one.
        disagreement = min(float(np.abs(direction - unit).max()), float(np.abs(direction + unit).max()))
        peers[library] = _Peer(library, first_ms, [p for p, _ in pairs], [c for _, c in pairs], disagreement)
    return peers, missing


def _share_of_exact_signs(generator: np.random.Generator) -> float:
    """Compare signs on small integers: plain ones, ones one unit from dependent, and dependent ones."""
    right = 0
    for case in range(_SIGN_CASES):
        dimension = 3 + case % 6
        rows = generator.integers(-99, 100, (dimension - 1, dimension)).astype(np.float64)
        if case % 3:
            rows[-1] = generator.integers(-3, 4, dimension - 2) @ rows[:-1]
        if case % 3 == 1:
            rows[generator.integers(dimension - 1), generator.integers(dimension)] += 1
        exact, product = exact_cross(rows), cross_product(rows)
        if any(exact):
            right += int(product.direction @ exact_unit(exact) > 0)
        else:
            right += int(product.sign == 0)
    return right / _SIGN_CASES


def _relative_forward_error(dimension: int, generator: np.random.Generator) -> float:
    """Return the larger error, over epsilon times condition, on a Gaussian matrix and one of condition 1e5."""
    gaussian = generator.standard_normal((dimension - 1, dimension))
    left, right = (np.linalg.qr(generator.standard_normal((size, size)))[0] for size in (dimension - 1, dimension))
    graded = left * np.geomspace(1, 1e-5, dimension - 1) @ right[:-1]
    errors = []
    for rows in (np.rint(gaussian * 2**20), np.rint(graded * 2**40)):
        error = float(np.linalg.norm(cross_product(rows).direction - exact_unit(exact_cross(rows))))
        errors.append(error / (_EPSILON * float(np.linalg.cond(rows))))
    return max(errors)


def _faster_than(library: str, peer: _Peer | None, missing: str) -> Measurement:
    ratios = [slow / fast for slow, fast in zip(peer.product_ms, peer.cross_ms, strict=True)] if peer else []
    return Measurement(
        name=f"times faster than {library} at d = {_PEER_DIMENSION}",
        value=median(ratios) if ratios else None,
        low=min(ratios, default=None),
        high=max(ratios, default=None),
        at_least=50.0,
        timing=True,
        note=missing or "the same product as wedge chain and dual, compiled beforehand",
    )


def _bulk(sizes: list[_Size]) -> Measurement:
    size = next((size for size in sizes if size.dimension == _HIGH_DIMENSION), None)
    ratios = [slow / bulk for slow, bulk in zip(size.decomposition_ms, size.bulk_ms, strict=True)] if size else []
    return Measurement(
        name=f"times faster than one SVD a product: all from one inverse, d = {_HIGH_DIMENSION}",
        value=median(ratios) if ratios else None,
        low=min(ratios, default=None),
        high=max(ratios, default=None),
        timing=True,
        note="for information; the products share all rows but one" if size else _NO_LARGE_DIMENSION,
    )


def _table_of_sizes(sizes: list[_Size], errors: dict[int, float]) -> Table:
    return Table(
        title="Cross products of Gaussian rows",
        columns=(
            "d",
            "residual",
            "forward error / (eps cond)",
            "cross, ms",
            "full SVD, ms",
            "ratio",
            "of d by inverse, ms",
        ),
        rows=tuple(
            (
                size.dimension,
                float(f"{size.residual:.2g}"),
                float(f"{errors[size.dimension]:.2g}") if size.dimension in errors else None,
                round(median(size.cross_ms), 4),
                round(median(size.decomposition_ms), 3),
                round(median(size.ratios), 1),
                round(median(size.bulk_ms), 5),
            )
            for size in sizes
        ),
        note="Medians of processor time on one thread; the residual is the largest seen.",
        timing=True,
    )


def _table_of_peers(peers: dict[str, _Peer]) -> Table:
    names = {"consilience": "consilience, wedge chain"}
    return Table(
        title=f"The same cross product by wedge chain and dual, d = {_PEER_DIMENSION}",
        columns=("library", "first call, ms", "median, ms", "by LU, ms", "difference of direction"),
        rows=tuple(
            (
                names.get(peer.library, peer.library),
                round(peer.first_ms, 1),
                round(median(peer.product_ms), 3),
                round(median(peer.cross_ms), 4),
                peer.disagreement,
            )
            for peer in peers.values()
        ),
        note="First calls include compilation.",
        timing=True,
    )


def _draw_cross(sizes: list[_Size], peers: dict[str, _Peer]) -> Canvas:
    canvas = Canvas(figsize=(9.0, 3.8), layout="constrained")
    left, right = canvas.subplots(1, 2)
    dimensions = [size.dimension for size in sizes]
    for times, name, colour in (
        ([median(size.decomposition_ms) for size in sizes], "full SVD", COLOURS[1]),
        ([median(size.cross_ms) for size in sizes], "LU + refinement", COLOURS[0]),
        ([median(size.bulk_ms) for size in sizes], "inverse, each of d", COLOURS[2]),
    ):
        left.plot(dimensions, times, "o-", color=colour, markersize=4)
        left.annotate(
            name, (dimensions[-1], times[-1]), xytext=(6, 0), textcoords="offset points", va="center", color=colour
        )
    for peer in peers.values():
        if peer.library != "consilience":
            left.plot(_PEER_DIMENSION, median(peer.product_ms), "D", color=COLOURS[3], markersize=5)
            left.annotate(
                peer.library,
                (_PEER_DIMENSION, median(peer.product_ms)),
                xytext=(7, 0),
                textcoords="offset points",
                va="center",
                color=COLOURS[3],
            )
    left.set(xscale="log", yscale="log", xlabel="dimension d", ylabel="processor time, ms")
    left.set_xlim(dimensions[0] / 1.3, dimensions[-1] * 14)
    right.axhline(5e-15, color=GREY, linestyle="--", linewidth=1)
    right.annotate("bar", (dimensions[0], 5e-15), xytext=(0, 4), textcoords="offset points", color=GREY)
    right.axhline(_EPSILON, color=GREY, linestyle=":", linewidth=1)
    right.annotate("epsilon", (dimensions[0], _EPSILON), xytext=(0, 4), textcoords="offset points", color=GREY)
    right.plot(dimensions, [size.residual for size in sizes], "o-", color=COLOURS[0], markersize=4)
    right.set(xscale="log", yscale="log", xlabel="dimension d", ylabel="largest residual")
    right.set_ylim(1e-17, 1e-13)
    for axes in (left, right):
        plain(axes)
    return canvas
