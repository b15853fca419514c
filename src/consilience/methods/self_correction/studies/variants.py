"""Transformers with a part taken out: what each of them is, how it is trained, and how well it answers.

Every variant sees the same training contexts in the same order, is causal, and has the same width unless its name says
otherwise; two variants are widened until they have as many weights as the full one.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from consilience.ground import Streams
from consilience.methods.self_correction.config import Config
from consilience.methods.self_correction.estimator import misalignment
from consilience.methods.self_correction.learning import (
    Architecture,
    Objective,
    RankingObjective,
    SupervisedObjective,
    Training,
    learn,
)
from consilience.methods.self_correction.sequences import Contexts, LineAnswers
from consilience.neural.transformer import parameters

__all__ = ["EXAMPLES", "FULL", "OBJECTIVES", "REMOVED", "VARIANTS", "Job", "Result", "held_out", "trained"]

EXAMPLES = 12
FULL = "full"
VARIANTS = {
    FULL: Architecture(),
    "linear attention": Architecture(kind="linear"),
    "1 head": Architecture(heads=1),
    "6 heads": Architecture(heads=6),
    "no feed-forward": Architecture(feedforward=None),
    "no feed-forward, width 84": Architecture(feedforward=None, width=84),
    "1 block": Architecture(depth=1),
    "1 block, width 96": Architecture(depth=1, width=96, feedforward=384),
    "2 blocks": Architecture(depth=2),
}
REMOVED = {"softmax": "linear attention", "heads": "1 head", "feed-forward": "no feed-forward", "depth": "1 block"}
"""The variant without each part that the paper finds needed."""

OBJECTIVES: dict[str, Objective] = {"ranking": RankingObjective(), "told answers": SupervisedObjective()}


@dataclass(frozen=True)
class Job:
    """One training."""

    variant: str
    objective: str
    seed: int


@dataclass(frozen=True)
class Result:
    """What came of it."""

    misalignment: Float[np.ndarray, " example"]
    """Mean over contexts, by number of examples from 1."""
    ranking_loss: float
    """Plackett-Luce with cosines, mean over contexts and prefixes."""
    weights: int
    """How many were trained."""
    seconds: float
    """Of processor time."""


def held_out(config: Config, streams: Streams) -> Contexts:
    """Draw the contexts that all transformers answer."""
    generator = torch.Generator().manual_seed(streams.integer("contexts"))
    return LineAnswers().draw(config.ablation_sequences, EXAMPLES, generator)


def trained(config: Config, streams: Streams, job: Job) -> Result:
    """Train one variant under one objective from one seed, and let it answer."""
    begun = time.process_time()
    training = Training(steps=config.ablation_steps, examples=EXAMPLES)
    seed = streams.integer(f"seed {job.seed}")
    learner = learn(VARIANTS[job.variant], OBJECTIVES[job.objective], LineAnswers(), training, seed=seed)
    seconds = time.process_time() - begun
    contexts = held_out(config, streams)
    with torch.no_grad():
        answers = learner(contexts)
        loss = float(RankingObjective()(answers, contexts))
    away = misalignment(answers, contexts.target[:, None].expand_as(answers)).mean(dim=0)
    return Result(away.double().numpy(), loss, parameters(learner), seconds)
