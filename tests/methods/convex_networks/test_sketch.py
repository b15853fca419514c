"""Sketched cross products, volumes and inner products: laws, exact variances, coverage and bad input."""

import numpy as np
import pytest
from jaxtyping import TypeCheckError
from scipy.stats import beta, kstest

from consilience.ground.errors import InvalidInput
from consilience.methods.convex_networks.blades import Blade
from consilience.methods.convex_networks.sketch import (
    gaussian_sketch,
    inner_variance,
    lifted_cross,
    random_cross,
    sketched_inner,
    sketched_volume,
)
from consilience.methods.convex_networks.volume_law import SketchedVolumeLaw

# The streams of these tests are fixed; the thresholds were set before they were drawn.
DRAWS = 4000


@pytest.mark.parametrize("method", ["deflation", "lift"])
def test_lift_and_deflation_have_the_same_law(method: str) -> None:
    """The squared cosine to a fixed direction of a complement of dimension q is Beta(1/2, (q - 1)/2)."""
    generator = np.random.default_rng(1)
    rows = generator.standard_normal((4, 11)) * np.array([1, 10, 0.1, 3])[:, None]
    many = np.broadcast_to(rows, (DRAWS, 4, 11))
    if method == "lift":
        draws = lifted_cross(many, generator.standard_normal((DRAWS, 5, 11)))
    else:
        draws = random_cross(many, generator)
    direction = Blade.from_vectors(rows).reject(generator.standard_normal(11))
    squares = (draws @ direction / np.linalg.norm(direction)) ** 2
    assert kstest(squares, beta(0.5, 3).cdf).pvalue > 0.001
    assert abs(np.mean(draws @ direction > 0) - 0.5) < 4 * 0.5 / np.sqrt(DRAWS)
    assert np.abs(draws @ rows.T).max() < 1e-13 * 40


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_random_normals_are_orthogonal_unit_vectors(dtype: type) -> None:
    generator = np.random.default_rng(0)
    rows = generator.standard_normal((7, 30, 200)).astype(dtype)
    normals = random_cross(rows, generator)
    assert normals.dtype == dtype
    np.testing.assert_allclose(np.linalg.norm(normals, axis=-1), 1, atol=1e-6)
    cosines = np.einsum("nkd,nd->nk", rows, normals) / np.linalg.norm(rows, axis=-1)
    assert np.abs(cosines).max() < 10 * np.finfo(dtype).eps


def test_dependent_rows_leave_all_of_their_complement() -> None:
    """A repeated and a zero row take away one dimension, not three."""
    generator = np.random.default_rng(0)
    row = np.array([1.0, 1.0, 0.0, 0.0])
    draws = random_cross(np.broadcast_to(np.array([row, row, 0 * row]), (DRAWS, 3, 4)), generator)
    assert np.abs(draws @ row).max() < 1e-15
    np.testing.assert_allclose(draws.T @ draws / DRAWS, (np.eye(4) - np.outer(row, row) / 2) / 3, atol=0.03)


def test_no_rows_give_a_uniform_direction_and_the_same_seed_the_same() -> None:
    first, second = (random_cross(np.zeros((0, 5)), np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert np.linalg.norm(first) == pytest.approx(1)


def test_lifting_dependent_rows_gives_zero() -> None:
    rows = np.ones((2, 6))
    assert not lifted_cross(rows, np.random.default_rng(0).standard_normal((3, 6))).any()


@pytest.mark.parametrize(("grade", "size"), [(1, 3), (3, 20), (6, 8)])
def test_volume_intervals_cover_at_their_rate(grade: int, size: int) -> None:
    generator = np.random.default_rng(grade)
    rows = generator.standard_normal((grade, 30)) * 10.0 ** generator.uniform(-3, 3, (grade, 1))
    truth = Blade.from_vectors(rows).log_volume
    estimates = [sketched_volume(rows, size, generator, level=0.9) for _ in range(DRAWS)]
    covered = np.mean([estimate.log_low <= truth <= estimate.log_high for estimate in estimates])
    assert abs(covered - 0.9) < 4 * np.sqrt(0.9 * 0.1 / DRAWS)


def test_volume_of_dependent_vectors_is_zero_for_certain() -> None:
    estimate = sketched_volume(np.ones((2, 9)), 5, np.random.default_rng(0))
    assert estimate.log_volume == estimate.log_low == estimate.log_high == -np.inf


def test_inner_variance_at_the_ends() -> None:
    assert inner_variance(np.ones(3), 20) == pytest.approx(SketchedVolumeLaw(3, 20).variance)
    assert inner_variance(np.array([0.0]), 50) == pytest.approx(1 / 50)
    assert inner_variance(np.array([0.3]), 50) == pytest.approx((1 + 0.3**2) / 50)
    assert inner_variance(np.zeros(2), 9) == pytest.approx(2 / (9 * 8))


@pytest.mark.parametrize("cosines", [[0.4], [0.9, 0.2], [0.95, 0.7, 0.0]])
def test_inner_products_are_unbiased_with_the_exact_variance(cosines: list[float]) -> None:
    """Four standard errors, the one of the variance from the sample's own fourth moment."""
    grade, size = len(cosines), 15
    angles = np.arccos(cosines)
    left = np.eye(grade, 2 * grade)
    right = np.hstack([np.diag(np.cos(angles)), np.diag(np.sin(angles))])
    sketches = np.random.default_rng(grade).standard_normal((20_000, size, 2 * grade)) / np.sqrt(size)
    values = np.linalg.det(np.swapaxes(sketches @ left.T, 1, 2) @ (sketches @ right.T))
    values /= np.exp(SketchedVolumeLaw(grade, size).log_factor)
    assert abs(values.mean() - np.prod(cosines)) < 4 * values.std() / np.sqrt(len(values))
    squares = (values - np.prod(cosines)) ** 2
    assert abs(squares.mean() - inner_variance(np.array(cosines), size)) < 4 * squares.std() / np.sqrt(len(values))


def test_inner_product_from_a_sketch_is_the_determinant() -> None:
    """The same generator gives the same sketch, so the estimate can be computed by hand."""
    rows = np.random.default_rng(0).standard_normal((2, 3, 40))
    estimate = sketched_inner(rows[0], rows[1], 25, np.random.default_rng(5))
    sketch = gaussian_sketch(25, 40, np.random.default_rng(5))
    by_hand = np.linalg.det((rows[0] @ sketch.T) @ (rows[1] @ sketch.T).T) / np.exp(SketchedVolumeLaw(3, 25).log_factor)
    assert estimate.value * np.exp(estimate.log_scale) == pytest.approx(by_hand)
    assert estimate.low < estimate.value < estimate.high


@pytest.mark.parametrize("mixing", [0.1, 1.0, 10.0])
def test_inner_intervals_cover_about_as_often_as_they_say(mixing: float) -> None:
    generator = np.random.default_rng(2)
    left = generator.standard_normal((2, 20))
    right = left + mixing * generator.standard_normal((2, 20))
    sign, log_truth = Blade.from_vectors(left).inner(Blade.from_vectors(right))
    covered = 0
    for _ in range(1000):
        estimate = sketched_inner(left, right, 40, generator)
        covered += estimate.low <= sign * np.exp(log_truth - estimate.log_scale) <= estimate.high
    assert covered / 1000 > 0.91


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda g: random_cross(np.eye(3), g), "Nothing is orthogonal"),
        (lambda g: random_cross(np.array([[np.inf, 1.0]]), g), "infinity"),
        (lambda g: gaussian_sketch(0, 3, g), "at least 1 row"),
        (lambda g: sketched_volume(np.eye(4), 3, g), "larger sketch"),
        (lambda g: sketched_volume(np.eye(2), 3, g, level=2.0), "between 0 and 1"),
        (lambda g: sketched_inner(np.eye(2), np.eye(2), 3, g, level=0.0), "between 0 and 1"),
    ],
)
def test_bad_input(wrong, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        wrong(np.random.default_rng(0))


def test_shapes_that_do_not_fit() -> None:
    generator = np.random.default_rng(0)
    with pytest.raises((InvalidInput, TypeCheckError)):
        lifted_cross(np.ones((2, 5)), np.ones((2, 5)))
    with pytest.raises((InvalidInput, TypeCheckError)):
        sketched_inner(np.eye(2, 5), np.eye(3, 5), 10, generator)
