"""The stacked transformer: its size, that it is nothing but the house's transformer, and what it cannot answer."""

import pytest

torch = pytest.importorskip("torch", reason="the torch extra is not installed")

from torch import nn  # noqa: E402

from consilience.ground import InvalidInput  # noqa: E402
from consilience.methods.self_correction.construction import StackedDescent  # noqa: E402
from consilience.methods.self_correction.descent import descend  # noqa: E402
from consilience.neural.transformer import Transformer  # noqa: E402


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_it_is_a_transformer_with_two_heads_relu_and_a_block_for_every_choice() -> None:
    model = StackedDescent(rate=0.1, steps=3, sharpness=10.0).transformer(5, 6, gap=0.1, reach=1.0)
    assert type(model) is Transformer
    assert len(model.blocks) == 3 * 5
    assert {block.attention.heads for block in model.blocks} == {2}
    assert all(isinstance(block.feedforward.activation, nn.ReLU) for block in model.blocks)


def test_blocks_within_a_step_are_alike_and_the_last_one_differs() -> None:
    model = StackedDescent(rate=0.1, steps=2, sharpness=10.0).transformer(2, 4, gap=0.1, reach=1.0)
    states = [torch.cat([weight.flatten() for weight in block.parameters()]) for block in model.blocks]
    alike = [torch.equal(states[0], state) for state in states]
    assert alike == [True, True, False, True, True, False]


def test_the_weights_know_bounds_of_the_context_only() -> None:
    """One transformer answers contexts of different rewards, if their gaps and ranges keep to the bounds."""
    start, responses = draw(6, 3), draw(6, 5, 3, seed=1)
    rewards = torch.rand(6, 5, generator=torch.Generator().manual_seed(2)).argsort(dim=1).double()
    rewards[3:] *= 2
    made = StackedDescent(rate=0.05, steps=2, sharpness=40.0)(start, responses, rewards)
    torch.testing.assert_close(made, descend(start, responses, rewards, rate=0.05, steps=2), atol=1e-12, rtol=0)


def test_a_blunt_head_does_not_descend() -> None:
    start, responses, rewards = draw(6, 3), draw(6, 5, 3, seed=1), draw(6, 5, seed=2)
    made = StackedDescent(rate=0.05, steps=2, sharpness=1e-3)(start, responses, rewards)
    explicit = descend(start, responses, rewards, rate=0.05, steps=2)
    assert float((made - explicit).norm() / (explicit - start).norm()) > 0.3


def test_ties_and_single_answers_are_refused() -> None:
    stacked = StackedDescent(rate=0.05, steps=2, sharpness=40.0)
    with pytest.raises(InvalidInput, match="got a tie"):
        stacked(draw(1, 2), draw(1, 3, 2), torch.tensor([[0.5, 0.1, 0.5]]).double())
    with pytest.raises(InvalidInput, match="at least two answers"):
        stacked(draw(1, 2), draw(1, 1, 2), torch.tensor([[0.5]]).double())


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"sharpness": 0.0}])
def test_bad_settings_are_refused(wrong) -> None:
    with pytest.raises(InvalidInput, match="`steps` must be at least 1 and `sharpness` above 0"):
        StackedDescent(**{"rate": 0.1, "steps": 1, "sharpness": 1.0, **wrong})
