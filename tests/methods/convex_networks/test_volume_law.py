"""The law of sketched volumes: closed forms for one and two vectors, simulation beyond, and bad input."""

import numpy as np
import pytest
from scipy.stats import chi2, kstest

from consilience.ground.errors import InvalidInput
from consilience.methods.convex_networks.volume_law import SketchedVolumeLaw, interval

PROBABILITIES = [1e-4, 0.025, 0.3, 0.5, 0.975, 0.9999]


@pytest.mark.parametrize("probability", PROBABILITIES)
@pytest.mark.parametrize("size", [1, 2, 3, 20, 1000])
def test_one_vector_is_chi_square(size: int, probability: float) -> None:
    law = SketchedVolumeLaw(1, size)
    exact = chi2(size).ppf(probability) / size
    assert law.quantile(probability) == pytest.approx(exact, rel=1e-9)
    assert law.distribution(exact) == pytest.approx(probability, abs=1e-12)


@pytest.mark.parametrize("probability", PROBABILITIES)
@pytest.mark.parametrize("size", [2, 3, 20, 1000])
def test_two_vectors_are_a_squared_chi_square(size: int, probability: float) -> None:
    exact = chi2(2 * size - 2).ppf(probability) ** 2 / (4 * size * (size - 1))
    assert SketchedVolumeLaw(2, size).quantile(probability) == pytest.approx(exact, rel=1e-9)


@pytest.mark.parametrize(("grade", "size"), [(3, 3), (3, 20), (40, 64)])
def test_simulated_products_follow_the_law(grade: int, size: int) -> None:
    law = SketchedVolumeLaw(grade, size)
    degrees = law.degrees_of_freedom
    draws = np.prod(np.random.default_rng(0).chisquare(degrees, (4000, grade)) / degrees, axis=1)
    assert kstest(draws, np.vectorize(law.distribution)).pvalue > 0.001


def test_distribution_rises_from_zero_to_one() -> None:
    law = SketchedVolumeLaw(5, 9)
    values = [law.distribution(value) for value in (-1.0, 0.0, 1e-300, 1e-3, 0.1, 1.0, 10.0, 1e6)]
    assert values[:3] == [0, 0, 0]
    assert (np.diff(values) >= 0).all()
    assert values[-1] == pytest.approx(1, abs=1e-12)


def test_moments() -> None:
    law = SketchedVolumeLaw(2, 5)
    assert law.variance == pytest.approx((1 + 2 / 5) * (1 + 2 / 4) - 1)
    assert np.exp(law.log_factor) == pytest.approx(5 * 4 / 25)


def test_intervals_nest_and_shrink() -> None:
    wide, narrow, large = interval(3, 20, 0.99), interval(3, 20, 0.9), interval(3, 2000, 0.9)
    assert wide[0] < narrow[0] < large[0] < 1 < large[1] < narrow[1] < wide[1]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: SketchedVolumeLaw(0, 3), "got 0 vectors"),
        (lambda: SketchedVolumeLaw(4, 3), "larger sketch"),
        (lambda: SketchedVolumeLaw(1, 3).quantile(1.0), "between 0 and 1"),
        (lambda: interval(1, 3, 95.0), "such as 0.95"),
    ],
)
def test_bad_input(wrong, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        wrong()
