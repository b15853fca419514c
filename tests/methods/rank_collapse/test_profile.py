"""What measures are formulas of."""

import pytest
import torch

from consilience.methods.rank_collapse.formulas import MEASURES
from consilience.methods.rank_collapse.profile import REASONS, Reading, joined, profile

EVERYTHING = {"pairs", "spectrum"}


def tokens_of(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_profiles_of_different_layers_join() -> None:
    wide, narrow = tokens_of(2, 5, 7), tokens_of(3, 4, 3, seed=1)
    together = joined([profile(wide, needs=EVERYTHING), profile(narrow, needs=EVERYTHING)])
    for name, measure in MEASURES.items():
        alone = [measure(profile(tokens, needs=EVERYTHING)) for tokens in (wide, narrow)]
        torch.testing.assert_close(measure(together).value, torch.cat([one.value for one in alone]), msg=name)
        torch.testing.assert_close(measure(together).floor, torch.cat([one.floor for one in alone]), msg=name)


def test_the_floor_is_that_of_the_type_in_which_tokens_came() -> None:
    single, double = profile(tokens_of(1, 4, 3)), profile(tokens_of(1, 4, 3).double())
    assert single.floor == 10 * 2**-23
    assert double.floor == 10 * 2**-52
    assert profile(tokens_of(1, 4, 3), precision=torch.float64).floor == single.floor


@pytest.mark.parametrize(
    ("tokens", "reason"),
    [(torch.ones(1, 1, 3), 1), (torch.full((1, 2, 3), torch.nan), 2), (torch.full((1, 2, 3), torch.inf), 2)],
)
def test_there_is_a_reason_where_nothing_can_be_measured(tokens: torch.Tensor, reason: int) -> None:
    found = profile(tokens, needs=EVERYTHING)
    assert found.reason.tolist() == [reason]
    assert reason in REASONS
    assert all(measure(found).value.isnan().all() for measure in MEASURES.values())


def test_zero_tokens_have_a_distance_and_nothing_else() -> None:
    found = profile(torch.zeros(1, 3, 2), needs=EVERYTHING)
    there = {name for name, measure in MEASURES.items() if not measure(found).value.isnan().any()}
    assert there == {"mu", "largest_singular_value", "smallest_singular_value"}


def test_a_reading_below_its_floor_says_so() -> None:
    reading = Reading(torch.tensor([1e-7, -1e-7, 1e-5]), torch.tensor([1e-6, 1e-6, 1e-6]))
    assert reading.below_floor.tolist() == [True, True, False]
