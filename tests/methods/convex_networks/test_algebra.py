"""Multivectors: hand-written tables, both ways to multiply, other libraries, and bad input."""

import numpy as np
import pytest

from consilience.ground.errors import InvalidInput
from consilience.methods.convex_networks import algebra as module
from consilience.methods.convex_networks.algebra import Algebra

# Written by hand from A ∧ ⋆B = <A, B> I: basis blade, its dual, with "-" for a negative sign and "" for the scalar 1.
DUALS = {
    1: {"": "1", "1": ""},
    2: {"": "12", "1": "2", "2": "-1", "12": ""},
    3: {"": "123", "1": "23", "2": "-13", "3": "12", "12": "3", "13": "-2", "23": "1", "123": ""},
    4: {
        "": "1234",
        "1": "234",
        "2": "-134",
        "3": "124",
        "4": "-123",
        "12": "34",
        "13": "-24",
        "14": "23",
        "23": "14",
        "24": "-13",
        "34": "12",
        "123": "4",
        "124": "-3",
        "134": "2",
        "234": "-1",
        "1234": "",
    },
}
# Geometric products of Cl(3), row times column, written by hand; i = e23, j = e31 = -e13, k = e12 are quaternions.
PRODUCTS = {
    ("1", "1"): "",
    ("1", "2"): "12",
    ("2", "1"): "-12",
    ("1", "12"): "2",
    ("12", "1"): "-2",
    ("2", "12"): "-1",
    ("3", "12"): "123",
    ("12", "12"): "-",
    ("23", "13"): "12",
    ("13", "23"): "-12",
    ("12", "23"): "13",
    ("123", "3"): "12",
    ("123", "123"): "-",
}


def blade(algebra: Algebra, name: str) -> np.ndarray:
    indices = [int(digit) for digit in name.lstrip("-")]
    return (-1 if name.startswith("-") else 1) * algebra.blade(*indices)


@pytest.mark.parametrize("dimension", DUALS)
def test_dual_by_hand(dimension: int) -> None:
    algebra = Algebra(dimension)
    assert len(DUALS[dimension]) == algebra.size
    for name, dual in DUALS[dimension].items():
        np.testing.assert_array_equal(algebra.dual(blade(algebra, name)), blade(algebra, dual))
        np.testing.assert_array_equal(algebra.undual(blade(algebra, dual)), blade(algebra, name))


@pytest.mark.parametrize(("factors", "product"), PRODUCTS.items())
def test_products_by_hand(factors: tuple[str, str], product: str) -> None:
    algebra = Algebra(3)
    left, right = (blade(algebra, name) for name in factors)
    np.testing.assert_array_equal(algebra.geometric(left, right), blade(algebra, product))


def sorting_product(left: int, right: int) -> tuple[int, int]:
    """Multiply two basis blades the slow way: bubble sort the list of vectors and cancel equal neighbours."""
    vectors = [i for mask in (left, right) for i in range(12) if mask >> i & 1]
    sign = 1
    for end in range(len(vectors) - 1, 0, -1):
        for at in range(end):
            if vectors[at] > vectors[at + 1]:
                vectors[at], vectors[at + 1] = vectors[at + 1], vectors[at]
                sign = -sign
    return sign, left ^ right


@pytest.mark.parametrize("dimension", [1, 2, 3, 4, 5])
def test_every_product_of_basis_blades(dimension: int) -> None:
    algebra = Algebra(dimension)
    basis = np.eye(algebra.size)
    expected = np.zeros((algebra.size,) * 3)
    for left in range(algebra.size):
        for right in range(algebra.size):
            sign, mask = sorting_product(left, right)
            expected[left, right, mask] = sign
    disjoint = (np.arange(algebra.size)[:, None] & np.arange(algebra.size)) == 0
    np.testing.assert_array_equal(algebra.geometric(basis[:, None], basis), expected)
    np.testing.assert_array_equal(algebra.wedge(basis[:, None], basis), expected * disjoint[..., None])


@pytest.mark.parametrize("dimension", [1, 2, 3, 6, 7])
def test_both_ways_to_multiply_agree(dimension: int, monkeypatch: pytest.MonkeyPatch) -> None:
    algebra = Algebra(dimension)
    left, right = np.random.default_rng(0).standard_normal((2, 3, algebra.size))
    right = right[:1]
    results = {}
    for pairs in (0, 1 << 30):
        monkeypatch.setattr(module, "_GEOMETRIC_PAIRS", pairs)
        monkeypatch.setattr(module, "_WEDGE_PAIRS", pairs)
        products = (algebra.geometric, algebra.wedge, algebra.left_contraction)
        results[pairs] = [product(left, right) for product in products]
    for by_matrices, by_pairs in zip(*results.values(), strict=True):
        assert by_matrices.shape == (3, algebra.size)
        np.testing.assert_allclose(by_matrices, by_pairs, atol=1e-12)


def test_integers_multiply_exactly_as_matrices() -> None:
    algebra = Algebra(10)
    left, right = np.random.default_rng(0).integers(-9, 10, (2, algebra.size)).astype(float)
    product = algebra.geometric(left, right)
    np.testing.assert_array_equal(product, np.rint(product))


def test_twelve_dimensions_and_single_precision() -> None:
    algebra = Algebra(12)
    full = np.random.default_rng(0).standard_normal((2, algebra.size)).astype(np.float32)
    for product in (algebra.geometric, algebra.wedge, algebra.left_contraction):
        assert product(full[0], full[1]).dtype == np.float32
    assert algebra.vector(np.ones(12, np.float32)).dtype == np.float32
    rows = np.random.default_rng(1).standard_normal((12, 12))
    assert algebra.wedge(*algebra.vector(rows))[-1] == pytest.approx(np.linalg.det(rows))


@pytest.mark.parametrize("dimension", [2, 3, 5])
def test_agrees_with_kingdon(dimension: int) -> None:
    kingdon = pytest.importorskip("kingdon", reason="a differential oracle, from consilience[peers]")
    ours, theirs = Algebra(dimension), kingdon.Algebra(dimension)
    left, right = np.random.default_rng(0).standard_normal((2, ours.size))
    # kingdon orders basis blades by grade and may name them in another order of vectors, such as e31.
    a, b = (theirs.multivector(keys=tuple(range(ours.size)), values=list(side)) for side in (left, right))
    for mine, other in ((ours.geometric, a * b), (ours.wedge, a ^ b), (ours.left_contraction, a.lc(b))):
        product = np.zeros(ours.size)
        product[list(other.keys())] = other.values()
        np.testing.assert_allclose(mine(left, right), product, atol=1e-12)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: Algebra(0), "1 to 12"),
        (lambda: Algebra(13), "use `Blade` and `cross`"),
        (lambda: Algebra(3).blade(4), "numbered 1 to 3"),
        (lambda: Algebra(3).vector(np.ones(4)), "must have 3 components"),
        (lambda: Algebra(3).geometric(np.ones(4), np.ones(4)), "must have 8 coefficients"),
    ],
)
def test_bad_input(wrong, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        wrong()
