"""Laws of visible tokens, against simulation, and how they cover test lengths."""

import numpy as np
import pytest

from consilience.ground import InvalidInput
from consilience.methods.pretraining_objectives.lengths import (
    BetaVisible,
    EveryPrefix,
    FixedVisible,
    UniformVisible,
    Visible,
    coverage,
)

LENGTH, ROWS = 12, 200_000


@pytest.mark.parametrize(
    ("law", "draw"),
    [
        (FixedVisible(0.3), lambda generator: np.full((ROWS, 1), 0.3)),
        (UniformVisible(0.2, 0.7), lambda generator: generator.uniform(0.2, 0.7, (ROWS, 1))),
        (BetaVisible(2.0, 5.0), lambda generator: generator.beta(2.0, 5.0, (ROWS, 1))),
    ],
    ids=["fixed", "uniform", "beta"],
)
def test_laws_are_those_of_simulated_masks(law: Visible, draw: object) -> None:
    generator = np.random.default_rng(0)
    ratios = draw(generator)  # type: ignore[operator]
    visible = (generator.random((ROWS, LENGTH)) >= ratios).sum(axis=1)
    found = np.bincount(visible, minlength=LENGTH + 1) / ROWS
    assert law.probabilities(LENGTH) == pytest.approx(found, abs=4e-3)
    assert law.probabilities(LENGTH).sum() == pytest.approx(1)


def test_figures_of_sixty_four_tokens() -> None:
    fixed, uniform, next_token = (coverage(64, law) for law in (FixedVisible(0.15), UniformVisible(), EveryPrefix()))
    assert fixed.worst_ratio == pytest.approx(8.394e50, rel=1e-3)
    assert fixed.total_variation == pytest.approx(0.7785, abs=1e-4)
    assert fixed.short == pytest.approx(8.87e-12, rel=1e-2)
    assert uniform.worst_ratio == pytest.approx(65 / 64)
    assert uniform.total_variation == pytest.approx(1 / 65)
    assert (next_token.worst_ratio, next_token.total_variation, next_token.prefix_ratio) == (1, 0, 1)


def test_suffixes_alone_are_as_good_as_next_tokens() -> None:
    assert coverage(20, FixedVisible(0.15), suffix_share=1.0) == coverage(20, EveryPrefix())


def test_bad_numbers_are_refused() -> None:
    with pytest.raises(InvalidInput, match="`length`"):
        coverage(1, EveryPrefix())
    with pytest.raises(InvalidInput, match="`suffix_share`"):
        coverage(8, EveryPrefix(), suffix_share=1.5)
    with pytest.raises(InvalidInput, match="`ratio`"):
        FixedVisible(1.0)
    with pytest.raises(InvalidInput, match="low < high"):
        UniformVisible(0.5, 0.5)
    with pytest.raises(InvalidInput, match="beta"):
        BetaVisible(0.0, 1.0)
