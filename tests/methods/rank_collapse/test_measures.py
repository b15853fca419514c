"""Measures of tensors, as a user calls them; that they are right is a law."""

from collections.abc import Iterator

import jaxtyping
import pytest
import torch

from consilience.ground import InvalidInput
from consilience.methods.rank_collapse import measures

SINGLE = [getattr(measures, name) for name in ("mu", "relative_mu", "mean_cosine", "stable_rank", "numerical_rank")]


def tokens_of(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("measure", SINGLE)
def test_a_single_sequence_gives_a_number(measure) -> None:
    tokens, valid = tokens_of(6, 3), torch.arange(6) < 4
    assert measure(tokens).value.shape == ()
    torch.testing.assert_close(measure(tokens, valid).value, measure(tokens[None], valid[None]).value[0])
    torch.testing.assert_close(measure(tokens, valid).value, measure(tokens[:4]).value)


def test_collapse_below_the_floor_is_flagged() -> None:
    common = tokens_of(1, 8)
    near = common + 1e-8 * tokens_of(5, 8)
    assert bool(measures.relative_mu(near).below_floor)
    assert bool(measures.mu(near).below_floor)
    assert not bool(measures.relative_mu(common.double() + 1e-8 * tokens_of(5, 8).double()).below_floor)
    assert bool(measures.extreme_singular_values(near)[1].below_floor)


def test_rank_one_on_two_sides_is_not_consensus() -> None:
    tokens = torch.tensor([[1.0, 2.0], [-1.0, -2.0], [1.0, 2.0], [-1.0, -2.0]])
    assert float(measures.numerical_rank(tokens).value) == 1
    assert float(measures.relative_mu(tokens).value) == 1
    assert float(measures.mean_absolute_cosine(tokens).value) == pytest.approx(1)
    assert float(measures.mean_cosine(tokens).value) == pytest.approx(-1 / 3)


@pytest.mark.parametrize(("tolerance", "rank"), [(0.5, 1), (1e-2, 2), (1e-4, 3)])
def test_numerical_rank_is_at_a_tolerance(tolerance: float, rank: int) -> None:
    tokens = torch.diag(torch.tensor([1.0, 0.1, 1e-3]))
    assert float(measures.numerical_rank(tokens, tolerance=tolerance).value) == rank


@pytest.fixture
def unchecked() -> Iterator[None]:
    """Shapes are not checked outside of the tests: the messages are for whoever gets them wrong there."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("measure", SINGLE)
@pytest.mark.parametrize(
    ("tokens", "words"),
    [
        (torch.ones(2, 1, 3), "sequence 0 cannot be measured: a sequence of one token"),
        (torch.tensor([[[1.0], [2.0]], [[1.0], [torch.nan]]]), "sequence 1 cannot be measured: NaN or infinite"),
        (torch.ones(2, 3, dtype=torch.int64), "`tokens` must hold real numbers .* got torch.int64 of shape"),
        (torch.ones(3), "`tokens` must hold real numbers"),
        (torch.ones(2, 0, 3), "`tokens` must hold real numbers"),
    ],
)
def test_bad_tokens_are_refused(measure, tokens: torch.Tensor, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        measure(tokens)


def test_zero_tokens_have_no_relative_distance() -> None:
    assert float(measures.mu(torch.zeros(3, 2)).value) == 0
    with pytest.raises(InvalidInput, match="all tokens are zero"):
        measures.relative_mu(torch.zeros(3, 2))


@pytest.mark.usefixtures("unchecked")
def test_the_padding_must_fit() -> None:
    with pytest.raises(InvalidInput, match=r"one entry a token, \(2, 3\); got \(2, 4\)"):
        measures.mu(tokens_of(2, 3, 4), torch.ones(2, 4, dtype=torch.bool))


@pytest.mark.parametrize("measure", [measures.mu, measures.mean_absolute_cosine, measures.effective_rank])
def test_the_mask_of_a_tokeniser_says_where_padding_is(measure) -> None:
    tokens, mask = tokens_of(2, 3, 4), torch.tensor([[0, 1, 1], [1, 1, 1]])
    assert torch.equal(measure(tokens, mask).value, measure(tokens, mask.bool()).value)
    weights = tokens_of(2, 1, 3, 3).softmax(dim=-1)
    found = measures.attention_entropy(weights, mask).value
    assert torch.equal(found, measures.attention_entropy(weights, mask.bool()).value)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("mask", [torch.zeros(2, 3), torch.tensor([[0, 2, 1], [1, 1, 1]])])
def test_padding_said_otherwise_is_refused(mask: torch.Tensor) -> None:
    with pytest.raises(InvalidInput, match="`valid` must be true or 1 at tokens"):
        measures.mu(tokens_of(2, 3, 4), mask)


def test_one_token_beside_padding_is_one_token() -> None:
    with pytest.raises(InvalidInput, match="a sequence of one token"):
        measures.mu(tokens_of(3, 2), torch.tensor([True, False, False]))
