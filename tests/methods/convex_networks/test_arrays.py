"""What the array API leaves out: hosts and devices, diagonals, Cholesky factors, on numpy and on torch."""

import sys

import numpy as np
import pytest
from scipy.linalg import LinAlgError

from consilience.ground.errors import InvalidInput, MissingDependency
from consilience.methods.convex_networks.arrays import (
    CholeskyFactor,
    contiguous,
    device_of,
    like,
    on_device,
    shifted,
    to_numpy,
)


@pytest.fixture(params=["numpy", "torch"])
def engine(request: pytest.FixtureRequest):
    """Return a function that makes arrays of one library."""
    if request.param == "numpy":
        return np.array
    return pytest.importorskip("torch", reason="tensors need torch: install consilience[torch]").tensor


@pytest.fixture
def matrix() -> np.ndarray:
    factor = np.random.default_rng(0).standard_normal((6, 6))
    return factor @ factor.T + 6 * np.eye(6)


class TestHosts:
    def test_there_and_back(self, engine) -> None:
        values = [[1.5, -2.0], [0.0, 4.0]]
        array = engine(values)
        np.testing.assert_array_equal(to_numpy(array), values)
        again = like(np.array(values, dtype=np.float32), array)
        assert type(again) is type(array)
        assert again.dtype == array.dtype
        assert device_of(again) == device_of(array)

    def test_contiguous_keeps_values(self, engine) -> None:
        array = engine([[1.0, 2.0], [3.0, 4.0]]).T
        np.testing.assert_array_equal(to_numpy(contiguous(array)), [[1.0, 3.0], [2.0, 4.0]])

    def test_no_device_is_numpy(self) -> None:
        array = np.ones(3)
        assert on_device(array, None) is array

    def test_a_torch_device(self) -> None:
        torch = pytest.importorskip("torch", reason="tensors need torch: install consilience[torch]")
        assert isinstance(on_device(np.ones(3), "cpu"), torch.Tensor)

    @pytest.mark.parametrize("device", ["no such device", "cuda:99"])
    def test_an_unknown_device_is_named(self, device: str) -> None:
        pytest.importorskip("torch", reason="devices are torch's: install consilience[torch]")
        with pytest.raises(InvalidInput, match=device):
            on_device(np.ones(3), device)

    def test_without_torch_the_extra_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "torch", None)
        with pytest.raises(MissingDependency, match=r"consilience\[torch\]"):
            on_device(np.ones(3), "cpu")


class TestCholesky:
    def test_shifted(self, engine, matrix: np.ndarray) -> None:
        np.testing.assert_allclose(to_numpy(shifted(engine(matrix), 2.5)), matrix + 2.5 * np.eye(6))

    def test_solutions(self, engine, matrix: np.ndarray) -> None:
        right = np.random.default_rng(1).standard_normal((6, 2))
        factor = CholeskyFactor(engine(matrix))
        exact = np.linalg.solve(matrix, right)
        np.testing.assert_allclose(to_numpy(factor.solve(engine(right))), exact, atol=1e-12)
        half = to_numpy(factor.half_solve(engine(right)))
        np.testing.assert_allclose(half.T @ half, right.T @ exact, atol=1e-12)
        diagonal = np.diag(np.linalg.inv(matrix))
        np.testing.assert_allclose(to_numpy(factor.inverse_diagonal()), diagonal, atol=1e-12)
        np.testing.assert_allclose(to_numpy(factor.inverse_diagonal(2)), diagonal[-2:], atol=1e-12)

    def test_precision_is_kept(self, engine, matrix: np.ndarray) -> None:
        array = engine(matrix.astype(np.float32))
        factor = CholeskyFactor(array)
        assert factor.dtype == array.dtype
        assert factor.solve(array).dtype == array.dtype

    def test_an_indefinite_matrix_is_refused(self, engine) -> None:
        with pytest.raises(LinAlgError):
            CholeskyFactor(engine([[1.0, 2.0], [2.0, 1.0]]))
