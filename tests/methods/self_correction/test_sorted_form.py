"""The two-layer form: its size, ties by the rule of the room, and bad settings."""

import pytest

torch = pytest.importorskip("torch", reason="the torch extra is not installed")

from consilience.ground import InvalidInput  # noqa: E402
from consilience.methods.self_correction.descent import descend  # noqa: E402
from consilience.methods.self_correction.sorted_form import SortedDescent  # noqa: E402
from consilience.neural.transformer import Transformer  # noqa: E402


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_it_is_a_transformer_with_one_head_and_two_blocks_a_step_whatever_the_length() -> None:
    for examples in (3, 40):
        model = SortedDescent(rate=0.1, steps=3).transformer(5, examples)
        assert type(model) is Transformer
        assert len(model.blocks) == 6
        assert model.blocks[0].attention.heads == 1


def test_ties_are_ranked_as_everywhere_in_the_room() -> None:
    start, responses = draw(3, 4), draw(3, 6, 4, seed=1)
    rewards = torch.tensor([0.5, 0.5, 0.9, 0.1, 0.9, 0.5]).double().expand(3, 6)
    made = SortedDescent(rate=0.05, steps=2)(start, responses, rewards)
    torch.testing.assert_close(made, descend(start, responses, rewards, rate=0.05, steps=2), atol=1e-13, rtol=0)


def test_no_steps_are_refused() -> None:
    with pytest.raises(InvalidInput, match="`steps` must be at least 1"):
        SortedDescent(rate=0.1, steps=0)
