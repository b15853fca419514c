"""Heads for offsets."""

import pytest

torch = pytest.importorskip("torch", reason="the pretraining extra is not installed")

from consilience.ground import InvalidInput, UnknownName  # noqa: E402
from consilience.methods.pretraining_objectives.heads import make_heads  # noqa: E402

STATES = torch.randn(3, 4, 6, generator=torch.Generator().manual_seed(0))


def trained(kind: str) -> torch.nn.Module:
    heads = make_heads(kind, 6, 3, rank=2)
    generator = torch.Generator().manual_seed(1)
    for part in heads.parameters():
        part.data = torch.randn(part.shape, generator=generator)
    return heads


@pytest.mark.parametrize("kind", ["adapter", "embedding"])
def test_new_heads_and_the_first_offset_always_leave_the_state_as_it_is(kind) -> None:
    assert torch.equal(make_heads(kind, 6, 3).ahead(STATES), STATES.expand(2, -1, -1, -1))
    assert torch.equal(trained(kind).chosen(STATES, torch.tensor([1, 1, 1])), STATES)


@pytest.mark.parametrize("kind", ["adapter", "embedding"])
def test_a_chosen_offset_is_that_of_all_offsets(kind) -> None:
    heads = trained(kind)
    every, chosen = heads.ahead(STATES), heads.chosen(STATES, torch.tensor([3, 1, 2]))
    torch.testing.assert_close(chosen[0], every[1, 0])
    torch.testing.assert_close(chosen[2], every[0, 2])
    assert not torch.allclose(every[0], every[1])


def test_heads_that_cannot_be_are_refused() -> None:
    with pytest.raises(UnknownName, match="did you mean 'adapter'"):
        make_heads("adaptor", 6, 3)
    with pytest.raises(InvalidInput, match="two offsets or more; got 1"):
        make_heads("adapter", 6, 1)
    with pytest.raises(InvalidInput, match="rank"):
        make_heads("adapter", 6, 3, rank=0)
