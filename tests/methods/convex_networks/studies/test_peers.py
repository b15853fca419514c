"""The peers are asked for the same product, and a missing one is said to be missing."""

import sys

import numpy as np
import pytest

from consilience.ground import MissingDependency
from consilience.methods.convex_networks.cross_products import cross
from consilience.methods.convex_networks.studies.peers import prepare_product


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("library", ["consilience", "kingdon", "clifford"])
def test_odd_dimensions_leave_no_choice_of_sign(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if library == "clifford":
        # Compiling takes it ten seconds and more, for a product that takes none uncompiled.
        numba = pytest.importorskip("numba", reason="clifford, a peer from consilience[peers], needs it")
        monkeypatch.setattr(numba.config, "DISABLE_JIT", True)
    if library != "consilience":
        pytest.importorskip(library, reason="a peer, from consilience[peers]")
    rows = np.random.default_rng(0).standard_normal((4, 5))
    np.testing.assert_allclose(prepare_product(library, rows)(), cross(rows).vector, rtol=1e-10)


@pytest.mark.parametrize("library", ["kingdon", "clifford"])
def test_missing_library_names_its_extra(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingDependency, match=r"consilience\[peers\]"):
        prepare_product(library, np.eye(2, 3))
