"""Contexts: the law of each source, reward noise, and what is no context."""

import pytest

torch = pytest.importorskip("torch", reason="the torch extra is not installed")

from consilience.ground import InvalidInput  # noqa: E402
from consilience.methods.self_correction.sequences import (  # noqa: E402
    IsotropicAnswers,
    LineAnswers,
    Source,
    with_reward_noise,
)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


SOURCES = [
    LineAnswers(dimension=3),
    IsotropicAnswers(dimension=3),
    IsotropicAnswers(dimension=3, around="target", gumbel=False),
]


@pytest.mark.parametrize("source", SOURCES)
def test_the_same_seed_draws_the_same_and_another_draws_others(source) -> None:
    first, same, other = (source.draw(4, 6, generator(seed)) for seed in (0, 0, 1))
    for name in ("query", "responses", "rewards", "target"):
        assert torch.equal(getattr(first, name), getattr(same, name))
        assert not torch.equal(getattr(first, name), getattr(other, name))
    assert isinstance(source, Source)
    assert (len(first), first.examples, first.dimension) == (4, 6, 3)


def test_answers_on_a_line_lie_where_their_reward_says() -> None:
    contexts = LineAnswers(dimension=4).draw(500, 7, generator()).double()
    shares, away = contexts.rewards[..., None], contexts.responses - contexts.target[:, None]
    wrong = (away / (1 - shares))[:, 0] + contexts.target
    torch.testing.assert_close(
        contexts.responses, shares * contexts.target[:, None] + (1 - shares) * wrong[:, None], atol=1e-3, rtol=1e-3
    )
    assert 0 <= float(contexts.rewards.min()) < 0.01
    assert 0.99 < float(contexts.rewards.max()) <= 1
    # y* = W x: given x, every coordinate has the variance |x|^2.
    lengths = contexts.target.square().sum(dim=1) / contexts.query.square().sum(dim=1)
    assert float(lengths.mean()) == pytest.approx(4, abs=0.4)


def test_isotropic_rewards_are_squared_errors() -> None:
    for around in ("origin", "target"):
        contexts = IsotropicAnswers(dimension=3, spread=0.5, gumbel=False, around=around).draw(200, 50, generator())
        errors = (contexts.responses - contexts.target[:, None]).square().sum(dim=-1)
        torch.testing.assert_close(contexts.rewards, -errors)
        centre = contexts.target[:, None] if around == "target" else 0.0
        assert float((contexts.responses - centre).std()) == pytest.approx(0.5, abs=0.01)


def test_a_share_of_rewards_becomes_chance_and_the_rest_stays() -> None:
    contexts = LineAnswers().draw(400, 10, generator())
    noisy = with_reward_noise(contexts, 0.25, generator(1))
    changed = noisy.rewards != contexts.rewards
    assert float(changed.double().mean()) == pytest.approx(0.25, abs=0.03)
    assert torch.equal(noisy.responses, contexts.responses)
    assert 0 <= float(noisy.rewards.min()) <= float(noisy.rewards.max()) <= 1
    assert torch.equal(with_reward_noise(contexts, 0.0, generator(1)).rewards, contexts.rewards)
    assert not (with_reward_noise(contexts, 1.0, generator(1)).rewards == contexts.rewards).any()


def test_prefixes_and_rows_are_parts_of_the_whole() -> None:
    contexts = LineAnswers().draw(5, 6, generator())
    part = contexts.prefix(2).take(slice(1, 3)).double()
    assert torch.equal(part.responses, contexts.responses[1:3, :2].double())
    assert torch.equal(part.target, contexts.target[1:3].double())
    assert part.rewards.dtype == torch.float64


@pytest.mark.parametrize("examples", [0, 7])
def test_a_prefix_that_is_not_there_is_refused(examples) -> None:
    with pytest.raises(InvalidInput, match="between 1 and 6"):
        LineAnswers().draw(2, 6, generator()).prefix(examples)


@pytest.mark.parametrize("make", [LineAnswers, IsotropicAnswers])
def test_nothing_cannot_be_drawn(make) -> None:
    with pytest.raises(InvalidInput, match="`dimension` must be at least 1"):
        make(dimension=0)
    with pytest.raises(InvalidInput, match="`examples` must be at least 1"):
        make().draw(2, 0, generator())
    with pytest.raises(InvalidInput, match="`sequences` must be at least 1"):
        make().draw(0, 2, generator())


def test_bad_numbers_are_refused() -> None:
    with pytest.raises(InvalidInput, match="`spread` must be a positive number"):
        IsotropicAnswers(spread=float("nan"))
    with pytest.raises(InvalidInput, match="`share` must lie between 0 and 1"):
        with_reward_noise(LineAnswers().draw(2, 3, generator()), 1.5, generator())
