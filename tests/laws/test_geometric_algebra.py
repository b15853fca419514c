"""Equations of Euclidean geometric algebra that hold whatever the code looks like."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from consilience.methods.convex_networks.algebra import Algebra
from consilience.methods.convex_networks.blades import Blade
from consilience.methods.convex_networks.cross_products import cross, cross_all
from consilience.methods.convex_networks.sketch import lifted_cross, random_cross

# Small integers make every sum and product below exact, so that laws are tested by equality.
integers = st.integers(-3, 3).map(float)


@st.composite
def multivectors(draw: st.DrawFn, count: int):
    algebra = Algebra(draw(st.integers(1, 5)))
    return algebra, [draw(arrays(np.float64, algebra.size, elements=integers)) for _ in range(count)]


@st.composite
def vectors(draw: st.DrawFn, low: int = 1, high: int = 6):
    dimension = draw(st.integers(low, high))
    return draw(arrays(np.float64, (draw(st.integers(0, dimension)), dimension), elements=integers))


@st.composite
def normals(draw: st.DrawFn):
    dimension = draw(st.integers(2, 6))
    return draw(arrays(np.float64, (dimension - 1, dimension), elements=integers))


def determinant(matrix: np.ndarray) -> float:
    return float(np.rint(np.linalg.det(matrix)))


@given(multivectors(3))
def test_geometric_product_is_associative_and_distributive(drawn) -> None:
    algebra, (a, b, c) = drawn
    product = algebra.geometric
    np.testing.assert_array_equal(product(product(a, b), c), product(a, product(b, c)))
    np.testing.assert_array_equal(product(a, b + c), product(a, b) + product(a, c))


@given(vectors(2))
def test_vectors_square_to_their_length_and_anticommute_when_orthogonal(rows) -> None:
    algebra = Algebra(rows.shape[1])
    for u in rows:
        for v in rows:
            left, right = algebra.vector(u), algebra.vector(v)
            both = algebra.geometric(left, right) + algebra.geometric(right, left)
            np.testing.assert_array_equal(both, algebra.scalar(2 * u @ v))


@given(multivectors(2))
def test_reverse_turns_products_round_and_involution_keeps_them(drawn) -> None:
    algebra, (a, b) = drawn
    product, reverse, involute = algebra.geometric, algebra.reverse, algebra.involute
    np.testing.assert_array_equal(reverse(product(a, b)), product(reverse(b), reverse(a)))
    np.testing.assert_array_equal(involute(product(a, b)), product(involute(a), involute(b)))


@given(multivectors(3))
def test_wedge_is_associative_and_adjoint_to_the_contraction(drawn) -> None:
    algebra, (a, b, c) = drawn
    np.testing.assert_array_equal(algebra.wedge(algebra.wedge(a, b), c), algebra.wedge(a, algebra.wedge(b, c)))
    contracted = algebra.left_contraction(algebra.reverse(a), c)
    np.testing.assert_array_equal(algebra.inner(algebra.wedge(a, b), c), algebra.inner(b, contracted))


@given(multivectors(2))
def test_inner_product_is_the_scalar_part_and_grades_add_up(drawn) -> None:
    algebra, (a, b) = drawn
    assert algebra.geometric(algebra.reverse(a), b)[0] == algebra.inner(a, b)
    np.testing.assert_array_equal(sum(algebra.grade(a, k) for k in range(algebra.dimension + 1)), a)


@given(multivectors(2))
def test_dual_is_fixed_by_wedge_and_inner_product(drawn) -> None:
    algebra, (a, b) = drawn
    volume = algebra.blade(*range(1, algebra.dimension + 1))
    for k in range(algebra.dimension + 1):
        left, right = algebra.grade(a, k), algebra.grade(b, k)
        expected = float(algebra.inner(left, right)) * volume
        np.testing.assert_array_equal(algebra.wedge(left, algebra.dual(right)), expected)
        sign = (-1) ** (k * (algebra.dimension - k))
        np.testing.assert_array_equal(algebra.dual(algebra.dual(left)), sign * left)
    np.testing.assert_array_equal(algebra.undual(algebra.dual(a)), a)


@given(st.integers(1, 5).flatmap(lambda d: arrays(np.float64, (2, min(d, 3), d), elements=integers)))
def test_wedges_of_vectors_obey_cauchy_and_binet(pair) -> None:
    u, v = pair
    algebra = Algebra(u.shape[1])
    inner = algebra.inner(algebra.wedge(*algebra.vector(u)), algebra.wedge(*algebra.vector(v)))
    assert inner == determinant(u @ v.T)


@given(normals(), st.data())
def test_cross_product_is_the_determinant_with_the_free_vector_first(rows, data) -> None:
    x = data.draw(arrays(np.float64, rows.shape[1], elements=integers))
    product = cross(rows, tolerance=0)
    expected = determinant(np.vstack([x, rows]))
    assert x @ product.vector == pytest.approx(expected, abs=1e-9)


@given(normals())
def test_cross_product_is_the_vector_whose_dual_is_the_wedge(rows) -> None:
    algebra = Algebra(rows.shape[1])
    wedge = algebra.wedge(*algebra.vector(rows))
    np.testing.assert_allclose(algebra.dual(algebra.vector(cross(rows).vector)), wedge, atol=1e-9)


@given(normals(), st.data())
def test_cross_product_is_alternating_and_multilinear(rows, data) -> None:
    first, second = data.draw(st.tuples(*[st.integers(0, len(rows) - 1)] * 2))
    swapped = rows.copy()
    swapped[[first, second]] = rows[[second, first]]
    sign = 1 if first == second else -1
    np.testing.assert_allclose(cross(swapped).vector, sign * cross(rows).vector, atol=1e-9)
    other, total = rows.copy(), rows.copy()
    other[first] = data.draw(arrays(np.float64, rows.shape[1], elements=integers))
    total[first] = 2 * rows[first] + other[first]
    np.testing.assert_allclose(cross(total).vector, 2 * cross(rows).vector + cross(other).vector, atol=1e-8)


@pytest.mark.parametrize("dimension", [3, 4, 7, 20])
def test_cross_product_is_equivariant_under_linear_maps(dimension: int) -> None:
    generator = np.random.default_rng(dimension)
    rows, mapping = generator.standard_normal((dimension - 1, dimension)), generator.standard_normal((dimension,) * 2)
    expected = np.linalg.det(mapping) * np.linalg.solve(mapping, cross(rows).vector)
    np.testing.assert_allclose(cross(rows @ mapping).vector, expected, rtol=1e-8)


@pytest.mark.parametrize("dimension", [2, 3, 6])
def test_the_adjugate_holds_all_cross_products(dimension: int) -> None:
    square = np.random.default_rng(dimension).integers(-3, 4, (dimension, dimension)).astype(float)
    signs = (-1.0) ** np.arange(dimension)
    adjugate = (cross_all(square).vector * signs[:, None]).T
    np.testing.assert_allclose(square @ adjugate, np.linalg.det(square) * np.eye(dimension), atol=1e-9)


@given(st.integers(2, 6), st.data())
@settings(max_examples=50)
def test_blades_in_coordinates_and_in_frames_are_the_same(dimension, data) -> None:
    """Differential: frames of any dimension against all coefficients in few."""
    grades = data.draw(st.tuples(*[st.integers(1, dimension)] * 2))
    left, right = (data.draw(arrays(np.float64, (grade, dimension), elements=integers)) for grade in grades)
    algebra = Algebra(dimension)
    a, b = Blade.from_vectors(left), Blade.from_vectors(right)
    full_a, full_b = algebra.wedge(*algebra.vector(left)), algebra.wedge(*algebra.vector(right))

    def coefficients(blade: Blade) -> np.ndarray:
        return blade.sign * blade.norm * algebra.wedge(*algebra.vector(blade.frame.T.copy()))

    np.testing.assert_allclose(coefficients(a), full_a, atol=1e-9)
    np.testing.assert_allclose(coefficients(a.dual()), algebra.dual(full_a), atol=1e-9)
    np.testing.assert_allclose(coefficients(a.undual()), algebra.undual(full_a), atol=1e-9)
    np.testing.assert_allclose(coefficients(a.reverse()), algebra.reverse(full_a), atol=1e-9)
    if sum(grades) <= dimension:
        np.testing.assert_allclose(coefficients(a.wedge(b)), algebra.wedge(full_a, full_b), atol=1e-8)
    sign, log_magnitude = a.inner(b)
    assert sign * np.exp(log_magnitude) == pytest.approx(float(algebra.inner(full_a, full_b)), abs=1e-8)


@pytest.mark.parametrize(("grade", "dimension"), [(1, 2), (3, 4), (5, 40), (20, 30)])
def test_lifting_is_orthogonal_whatever_the_sketch(grade: int, dimension: int) -> None:
    generator = np.random.default_rng(grade)
    rows = generator.standard_normal((grade, dimension))
    for sketch in (
        generator.standard_normal((grade + 1, dimension)),
        generator.choice([-1.0, 1.0], (grade + 1, dimension)),
        np.eye(grade + 1, dimension),
    ):
        lifted = lifted_cross(rows, sketch)
        assert np.linalg.norm(lifted) == pytest.approx(1)
        assert np.abs(rows @ lifted).max() < 1e-13 * np.linalg.norm(rows, axis=1).max()


def test_random_normals_are_uniform_on_the_complement() -> None:
    """Covariance of a uniform unit vector in a subspace of dimension q is the projector divided by q."""
    generator = np.random.default_rng(0)
    rows = generator.standard_normal((3, 8))
    draws = random_cross(np.broadcast_to(rows, (20_000, 3, 8)), generator)
    projector = np.eye(8) - np.linalg.pinv(rows) @ rows
    np.testing.assert_allclose(draws.T @ draws / len(draws), projector / 5, atol=0.01)
    np.testing.assert_allclose(draws.mean(axis=0), 0, atol=0.02)
