"""Other geometric algebra libraries, asked for the same cross product: wedge chain, then dual."""

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec

import numpy as np
from jaxtyping import Float

from consilience.ground import MissingDependency
from consilience.methods.convex_networks.algebra import Algebra

Product = Callable[[], Float[np.ndarray, " d"]]


def prepare_product(library: str, rows: Float[np.ndarray, "k d"]) -> Product:
    """Return a function that computes the cross product of the rows by a library's own wedge and dual.

    The vectors are converted beforehand, so that only the library's arithmetic, and reading its answer, is timed.

    Parameters
    ----------
    library
        ``"kingdon"``, ``"clifford"``, or ``"consilience"`` for this package's own `Algebra`.
    rows
        `d - 1` vectors in rows.

    Raises
    ------
    MissingDependency
        If the library is not installed.
    """
    if library == "consilience":
        return _consilience(rows)
    if find_spec(library) is None:
        raise MissingDependency(f"comparing with {library} needs it; install consilience[peers]")
    return {"kingdon": _kingdon, "clifford": _clifford}[library](rows)


def _consilience(rows: Float[np.ndarray, "k d"]) -> Product:
    algebra = Algebra(rows.shape[1])
    vectors = algebra.vector(rows)
    return lambda: algebra.components(algebra.undual(algebra.wedge(*vectors)))


def _kingdon(rows: Float[np.ndarray, "k d"]) -> Product:
    algebra = import_module("kingdon").Algebra(rows.shape[1])
    vectors = [algebra.vector(list(row)) for row in rows]

    def product() -> Float[np.ndarray, " d"]:
        wedge = vectors[0]
        for vector in vectors[1:]:
            wedge = wedge ^ vector
        dual = wedge.dual()
        components = np.zeros(rows.shape[1])
        components[np.log2(dual.keys()).astype(int)] = dual.values()
        return components

    return product


def _clifford(rows: Float[np.ndarray, "k d"]) -> Product:
    layout, _ = import_module("clifford").Cl(rows.shape[1])
    places = [place for place, indices in enumerate(layout.bladeTupList) if len(indices) == 1]
    values = np.zeros((len(rows), layout.gaDims))
    values[:, places] = rows
    vectors = [layout.MultiVector(value) for value in values]

    def product() -> Float[np.ndarray, " d"]:
        wedge = vectors[0]
        for vector in vectors[1:]:
            wedge = wedge ^ vector
        return np.asarray(wedge.dual().value[places])

    return product
