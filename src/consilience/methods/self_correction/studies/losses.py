"""Whether losses over all prefixes are what a double loop makes of them, how much faster, and with which gradient."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import torch
from jaxtyping import Float
from torch import Tensor

from consilience.ground import Evidence, Measurement, RunFolder, Streams, Table
from consilience.methods.self_correction.config import Config
from consilience.methods.self_correction.descent import answer_gradient
from consilience.methods.self_correction.ranking import (
    Cosine,
    ImplicitReward,
    NegativeSquare,
    bradley_terry,
    plackett_luce,
    plackett_luce_over_prefixes,
)
from consilience.methods.self_correction.sequences import IsotropicAnswers
from consilience.neural.sharing import one_thread

__all__ = ["by_mask", "double_loop", "losses"]

BATCH, EXAMPLES, DIMENSION = 64, 20, 5

Implicit = Float[Tensor, "batch prefix example"]
Rewards = Float[Tensor, "batch example"]
Losses = Float[Tensor, "batch prefix"]


def double_loop(implicit: Implicit, rewards: Rewards) -> Losses:
    """Return the losses of all prefixes, sequence by sequence, prefix by prefix and place by place."""
    losses = torch.zeros(implicit.shape[:2], dtype=implicit.dtype)
    for sequence in range(implicit.shape[0]):
        for prefix in range(implicit.shape[1]):
            order = rewards[sequence, : prefix + 1].argsort(descending=True, stable=True)
            ordered = implicit[sequence, prefix, order]
            for place in range(prefix):
                losses[sequence, prefix] += torch.logsumexp(ordered[place:], dim=0) - ordered[place]
    return losses


def by_mask(implicit: Implicit, rewards: Rewards) -> Losses:
    """Return the losses of all prefixes without sorting: who remains when whom is chosen, as a mask over four axes."""
    place = torch.arange(implicit.shape[2])
    later = place >= place[:, None]
    worse, same = (relation(rewards[:, None, :], rewards[:, :, None]) for relation in (torch.lt, torch.eq))
    seen = place <= place[: implicit.shape[1], None]
    remains = (worse | (same & later))[:, None] & seen[None, :, None, :] & seen[None, :, :, None]
    scores = implicit[:, :, None, :].masked_fill(~remains, -torch.inf)
    # The diagonal keeps rows beyond the prefix from being empty; they are left out below.
    scores = torch.where(seen[None, :, :, None], scores, 0.0)
    return torch.where(seen, scores.logsumexp(dim=-1) - implicit, 0.0).sum(dim=-1)


def losses(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure claim ``correct.losses``: Plackett-Luce over all prefixes against a double loop.

    Returns
    -------
    Evidence
        The largest difference, the ratio of times, and the difference of closed-form and automatic gradients.
    """
    del folder
    generator = torch.Generator().manual_seed(streams.integer("losses"))
    contexts = IsotropicAnswers(dimension=DIMENSION).draw(BATCH, EXAMPLES, generator).double()
    answers = torch.randn(BATCH, EXAMPLES, DIMENSION, generator=generator).double()
    implicit, rewards = NegativeSquare()(answers, contexts.responses), contexts.rewards
    expected = double_loop(implicit, rewards)
    ways: dict[str, Callable[[Implicit, Rewards], Losses]] = {
        "double loop": double_loop,
        "mask over four axes": by_mask,
        "running sums": plackett_luce_over_prefixes,
    }
    differences = {name: float((way(implicit, rewards) - expected).abs().max()) for name, way in ways.items()}
    seconds = _timed(ways, implicit, rewards, config.losses_repeats)
    slopes = {
        type(reward).__name__: _gradient_error(reward, answers[:, 0], contexts.responses, rewards)
        for reward in (Cosine(), NegativeSquare())
    }
    pair = implicit[:, 0, :2]
    winner, loser = pair.gather(1, rewards[:, :2].argsort(dim=1, descending=True)).unbind(dim=1)
    of_pairs = float((bradley_terry(winner, loser) - plackett_luce(pair, rewards[:, :2])).abs().max())
    size = f"batch {BATCH}, {EXAMPLES} answers, all prefixes"
    return Evidence(
        measurements=(
            Measurement(
                name="largest difference from the double loop",
                value=differences["running sums"],
                at_most=1e-10,
                note=f"{size}; losses up to {float(expected.max()):.0f}",
            ),
            Measurement(
                name="times as fast as the double loop",
                value=seconds["double loop"] / seconds["running sums"],
                at_least=50.0,
                timing=True,
                note=f"{size}; medians of {config.losses_repeats} times, one thread, double precision",
            ),
            Measurement(
                name="largest difference of closed-form and automatic gradient",
                value=max(slopes.values()),
                at_most=1e-8,
                note="relative; " + ", ".join(f"{name} {value:.1e}" for name, value in slopes.items()),
            ),
            Measurement(name="largest difference of Bradley-Terry and Plackett-Luce of two", value=of_pairs),
        ),
        tables=(_table(seconds),),
    )


def _timed(
    ways: dict[str, Callable[[Implicit, Rewards], Losses]], implicit: Tensor, rewards: Tensor, repeats: int
) -> dict[str, float]:
    """Return the median seconds of each way, taken in turns so that all meet the same load."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    with one_thread():
        for _ in range(repeats):
            for name, way in ways.items():
                begun = time.perf_counter()
                way(implicit, rewards)
                taken[name].append(time.perf_counter() - begun)
    return {name: median(times) for name, times in taken.items()}


def _gradient_error(reward: ImplicitReward, answers: Tensor, responses: Tensor, rewards: Tensor) -> float:
    moved = answers.clone().requires_grad_()
    loss = plackett_luce(reward(moved[:, None], responses)[:, 0], rewards).sum()
    (automatic,) = torch.autograd.grad(loss, moved)
    return float((answer_gradient(answers, responses, rewards, reward) - automatic).norm() / automatic.norm())


def _table(seconds: dict[str, float]) -> Table:
    return Table(
        title="Plackett-Luce losses of all prefixes",
        columns=("way", "milliseconds", "times as fast"),
        rows=tuple((name, 1e3 * each, seconds["double loop"] / each) for name, each in seconds.items()),
        note=f"batch {BATCH}, {EXAMPLES} answers, one thread",
        timing=True,
    )
