"""Small models trained by one objective each, and all that the studies ask of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from consilience.methods.pretraining_objectives.likelihood import Causal, Full, Tight, elbo, prefix_losses
from consilience.methods.pretraining_objectives.masking import Masking
from consilience.methods.pretraining_objectives.objectives import DiverseAutoregression, MaskedPrediction, Objective
from consilience.methods.pretraining_objectives.patterns import MixturePattern
from consilience.methods.pretraining_objectives.probe import Folds, probed
from consilience.methods.pretraining_objectives.ratios import FixedRatio
from consilience.methods.pretraining_objectives.topic_chain import TopicChain
from consilience.methods.pretraining_objectives.twins import ModelShape, make_model
from consilience.methods.pretraining_objectives.vocabulary import Vocabulary
from consilience.neural.sharing import shared
from consilience.neural.training import train

__all__ = [
    "ARMS",
    "BATCH",
    "LENGTHS",
    "RATE",
    "SHAPE",
    "SHORT",
    "TOKENS",
    "Arm",
    "Job",
    "Measured",
    "bag_of_tokens",
    "best_losses",
    "described",
    "held_out",
    "matched_steps",
    "trained_arms",
    "unigram_loss",
]

TOKENS = 40
"""Of a row."""
ROWS, HELD_OUT, BATCH = 40_000, 900, 32
CUT, SHORTEST = 0.3, 5
"""Share of batches that are cut to fewer tokens, at least so many; else every short row is news to every model."""
SHAPE = ModelShape(layers=2, width=64, heads=4, window=TOKENS)
RATE = 4e-3
OFFSETS = 4
SHORT = tuple(range(2, 9))
"""Prefixes that count as short."""
LENGTHS = (*SHORT, 12, 16, 24, 32)
DRAWS = 16
"""For the bound on the likelihood, a row."""

Rows = Int[Tensor, "row token"]


@dataclass(frozen=True)
class Arm:
    """An objective among those compared."""

    name: str
    objective: Callable[[Vocabulary], Objective]
    targets_a_token: float
    """Targets for each token seen, on average."""


ARMS: Mapping[str, Arm] = {
    arm.name: arm
    for arm in (
        Arm("AR", lambda words: DiverseAutoregression(vocabulary=words, offsets=1), 1 - 1 / TOKENS),
        Arm(
            "diverse AR",
            lambda words: DiverseAutoregression(vocabulary=words, offsets=OFFSETS),
            sum(1 - offset / TOKENS for offset in range(1, OFFSETS + 1)),
        ),
        Arm("MLM 15 %", lambda words: _masked(words, Masking(ratio=FixedRatio(0.15))), 0.15),
        Arm("MLM 40 %", lambda words: _masked(words, Masking(ratio=FixedRatio(0.4))), 0.4),
        Arm("variable", lambda words: _masked(words, Masking()), (TOKENS + 1) / (2 * TOKENS)),
        Arm(
            "variable + suffix",
            lambda words: _masked(words, Masking(pattern=MixturePattern(0.5))),
            (TOKENS + 1) / (2 * TOKENS),
        ),
    )
}
"""Next token, the next four, fixed and variable shares of hidden tokens, half of these suffixes."""


def _masked(words: Vocabulary, masking: Masking) -> Objective:
    return MaskedPrediction(vocabulary=words, masking=masking)


@dataclass(frozen=True, kw_only=True)
class Job:
    """A model to train."""

    arm: str
    seed: int
    """Of weights and order of rows, and of what the objective draws."""
    steps: int
    chain: int
    """Seed of the language, the same for all arms."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What a trained model does on held-out rows."""

    job: Job
    tight: Float[np.ndarray, " length"]
    """Loss after prefixes of `LENGTHS`, with one mask after them; for causal models, none."""
    full: Float[np.ndarray, " length"]
    """The same with masks up to the end of the row; for causal models, the same."""
    likelihood: float
    """Minus the log-likelihood of all tokens but the first a token, or a bound on that of all, in nats."""
    probe: float
    """Share of rows whose topic a linear probe reads off mean features."""
    few: float
    """The same with five labelled rows a topic."""
    untrained: float
    """The probe on the same model before training."""

    @property
    def tokens(self) -> int:
        """How many were seen."""
        return self.job.steps * BATCH * TOKENS

    @property
    def targets(self) -> float:
        """How many were predicted, on average."""
        return self.tokens * ARMS[self.job.arm].targets_a_token

    @property
    def best(self) -> Float[np.ndarray, " length"]:
        """Losses in the layout that suits the model better, on average over short prefixes."""
        short = slice(0, len(SHORT))
        return self.tight if self.tight[short].mean() <= self.full[short].mean() else self.full


_KEPT: dict[Job, Measured] = {}
"""Models that two studies of one run ask for are trained once."""


def trained_arms(jobs: list[Job], processes: int) -> list[Measured]:
    """Train and measure models, in the order of the jobs; those that were trained before are not trained again."""
    missing = [job for job in dict.fromkeys(jobs) if job not in _KEPT]
    _KEPT.update(zip(missing, shared(_measured, missing, processes), strict=True))
    return [_KEPT[job] for job in jobs]


def matched_steps(arm: str, targets: float) -> int:
    """Return after how many steps an arm has predicted so many tokens."""
    return max(1, round(targets / (BATCH * TOKENS * ARMS[arm].targets_a_token)))


def best_losses(seed: int) -> Float[np.ndarray, " length"]:
    """Return the loss after prefixes of `LENGTHS` of who knows the language, on the held-out rows."""
    rows, _ = held_out(seed)
    return np.asarray(TopicChain.drawn(seed).losses(rows).mean(axis=0)[list(LENGTHS)])


def unigram_loss(seed: int) -> float:
    """Return the loss of who knows how often tokens occur."""
    return TopicChain.drawn(seed).unigram_loss()


def bag_of_tokens(seed: int) -> tuple[float, float]:
    """Return what a probe reads off the counts of tokens in the held-out rows: on all labels, and on a few."""
    rows, topics = held_out(seed)
    counts = np.apply_along_axis(np.bincount, 1, rows, minlength=int(rows.max()) + 1).astype(float)
    found = probed(lambda _: counts, Folds.drawn(topics, seed=seed))
    return found.accuracy, float(found.few.mean())


def described(job: Job) -> str:
    """Say on what and how the models were trained."""
    language = TopicChain.drawn(job.chain)
    return (
        f"A made-up language of {len(language.topics)} topics and {language.size} tokens whose likelihood is known; "
        f"{SHAPE.layers} layers of width {SHAPE.width}, rows of {TOKENS} tokens, a share of {CUT} of the batches cut "
        f"shorter; {BATCH} rows a step, settings chosen on other seeds."
    )


def held_out(seed: int) -> tuple[Int[np.ndarray, "row place"], Int[np.ndarray, " row"]]:
    """Return rows that no model is trained on, with their topics."""
    return TopicChain.drawn(seed).rows(HELD_OUT, TOKENS, seed + 1)


def _measured(job: Job) -> Measured:
    language = TopicChain.drawn(job.chain)
    words = Vocabulary(language.size + 1, special=(language.size,), mask=language.size)
    objective = ARMS[job.arm].objective(words)
    model = make_model(SHAPE, words, bidirectional=objective.bidirectional, seed=job.seed)
    rows, topics = held_out(job.chain)
    tested, folds = torch.from_numpy(rows), Folds.drawn(topics, seed=job.chain)
    before = probed(lambda _: _features(model, tested), folds)
    seen, _ = language.rows(ROWS, TOKENS, job.chain + 2)
    _train(model, objective, torch.from_numpy(seen), job)
    table = _features(model, tested)
    after = probed(lambda _: table, folds)
    tight, full, likelihood = (_looking_around if objective.bidirectional else _looking_ahead)(model, tested, words)
    return Measured(
        job=job,
        tight=tight,
        full=full,
        likelihood=likelihood,
        probe=after.accuracy,
        few=float(after.few.mean()),
        untrained=before.accuracy,
    )


def _train(model: nn.Module, objective: Objective, rows: Rows, job: Job) -> None:
    """Train on batches of several lengths, which are the same for all arms, and leave the model in evaluation mode."""
    objective.attach(model, seed=job.seed)
    order, drawing = (torch.Generator().manual_seed(job.seed + offset) for offset in range(2))
    model.train()

    def loss(_: int) -> Tensor:
        chosen = torch.randint(len(rows), (BATCH,), generator=order)
        return objective.loss(model, objective.draw(rows[chosen, : _length(order)], drawing))

    train(model, loss, steps=job.steps, learning_rate=RATE)
    model.eval()


def _length(generator: torch.Generator) -> int:
    """Draw the length of a batch's rows."""
    cut = bool(torch.rand((), generator=generator) < CUT)
    length = int(torch.randint(SHORTEST, TOKENS + 1, (), generator=generator))
    return length if cut else TOKENS


def _looking_ahead(
    model: nn.Module, rows: Rows, words: Vocabulary
) -> tuple[Float[np.ndarray, " length"], Float[np.ndarray, " length"], float]:
    losses = prefix_losses(model, rows, range(1, TOKENS), Causal(words)).mean(dim=1).double().numpy()
    chosen = losses[np.array(LENGTHS) - 1]
    return chosen, chosen, float(losses.mean())


def _looking_around(
    model: nn.Module, rows: Rows, words: Vocabulary
) -> tuple[Float[np.ndarray, " length"], Float[np.ndarray, " length"], float]:
    tight, full = (
        prefix_losses(model, rows, LENGTHS, layout(words)).mean(dim=1).double().numpy() for layout in (Tight, Full)
    )
    drawing = torch.Generator().manual_seed(0)
    return tight, full, float(elbo(model, rows, words, draws=DRAWS, generator=drawing).mean())


@torch.no_grad()
def _features(model: nn.Module, rows: Rows) -> Float[np.ndarray, "row feature"]:
    """Return the mean of the last hidden states of every row."""
    states: Tensor = model(input_ids=rows, output_hidden_states=True).hidden_states[-1]
    return states.mean(dim=1).double().numpy()
