"""First weights: decided by the seed, not by what was drawn before, and nothing else is disturbed."""

import pytest

torch = pytest.importorskip("torch", reason="the torch extra is not installed")

from torch import nn  # noqa: E402

from consilience.neural.weights import initialised  # noqa: E402


def test_the_seed_alone_decides() -> None:
    first = initialised(3, lambda: nn.Linear(4, 4))
    torch.rand(7)
    assert torch.equal(first.weight, initialised(3, lambda: nn.Linear(4, 4)).weight)
    assert not torch.equal(first.weight, initialised(4, lambda: nn.Linear(4, 4)).weight)


def test_the_global_generator_is_left_as_it_was_even_when_building_fails() -> None:
    before = torch.random.get_rng_state()
    initialised(3, lambda: nn.Linear(4, 4))
    with pytest.raises(ZeroDivisionError):
        initialised(3, lambda: 1 / 0)
    assert torch.equal(before, torch.random.get_rng_state())
