"""What is kept of a stream of numbers; that sketches merge is a law."""

import math

import numpy as np
import pytest

from consilience.ground import InvalidInput
from consilience.methods.rank_collapse.sketch import ACCURACY, Sketch


def test_mean_and_spread_are_exact() -> None:
    values = np.random.default_rng(0).standard_normal(1000) + 1e6
    sketch = Sketch()
    for part in np.split(values, 10):
        sketch.add(part)
    assert sketch.mean == pytest.approx(values.mean(), rel=1e-14)
    assert sketch.std == pytest.approx(values.std(ddof=1), rel=1e-9)


def test_it_spans_twenty_powers_of_ten() -> None:
    sketch = Sketch()
    sketch.add([1e-300, 1e-17, 0.0, -1e-8, 1e4])
    found = [sketch.quantile(share) for share in (0.0, 0.4, 0.6, 0.8, 1.0)]
    assert found == [-1e-8, 0.0, pytest.approx(1e-300, rel=ACCURACY), pytest.approx(1e-17, rel=ACCURACY), 1e4]


def test_memory_does_not_grow_with_the_stream() -> None:
    sketch = Sketch()
    for seed in range(20):
        sketch.add(np.random.default_rng(seed).uniform(0.1, 1.0, 5000))
    cells = len(sketch.above)
    sketch.add(np.random.default_rng(20).uniform(0.1, 1.0, 100_000))
    assert len(sketch.above) < 1.02 * cells < 1.02 * math.log(10) / (2 * ACCURACY) + 2


def test_one_number_has_no_spread() -> None:
    sketch = Sketch()
    sketch.add([2.0])
    assert (sketch.std, sketch.quantile(0.3)) == (0.0, 2.0)


def test_an_empty_merge_changes_nothing() -> None:
    sketch = Sketch()
    sketch.add([1.0, 3.0])
    sketch.merge(Sketch())
    assert (sketch.count, sketch.mean, sketch.low) == (2, 2.0, 1.0)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_must_be_finite(value: float) -> None:
    with pytest.raises(InvalidInput, match="finite numbers; got"):
        Sketch().add([1.0, value])


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_a_quantile_takes_a_share_of_something(share: float) -> None:
    sketch = Sketch()
    with pytest.raises(InvalidInput, match="one number at least"):
        sketch.quantile(0.5)
    sketch.add([1.0])
    with pytest.raises(InvalidInput, match="share in"):
        sketch.quantile(share)
