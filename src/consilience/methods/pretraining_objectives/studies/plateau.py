"""Why generation is measured on a made-up language: on real text, models this small stay near the unigram plateau."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int
from torch import nn

from consilience.ground import RunFolder, Table
from consilience.methods.pretraining_objectives.config import Config
from consilience.methods.pretraining_objectives.corpus import docstring_corpus
from consilience.methods.pretraining_objectives.fitting import train_arm
from consilience.methods.pretraining_objectives.likelihood import Causal, Full, Layout, Tight, prefix_losses
from consilience.methods.pretraining_objectives.studies.trained_arms import ARMS, RATE, SHAPE, TOKENS
from consilience.methods.pretraining_objectives.twins import make_model
from consilience.methods.pretraining_objectives.vocabulary import Vocabulary
from consilience.methods.pretraining_objectives.words import Lexicon
from consilience.neural.sharing import shared

__all__ = ["plateau_table"]

WORDS, HELD_OUT, BATCH = 1000, 600, 64
COMPARED = ("AR", "MLM 15 %", "variable")
PREFIXES = (4, 8, 16)

Rows = Int[np.ndarray, "row place"]


@dataclass(frozen=True)
class _Job:
    arm: str
    steps: int
    seed: int


def plateau_table(config: Config, folder: RunFolder) -> Table:
    """Train three objectives on Python's docstrings for a while, and put the unigram loss beside them.

    Parameters
    ----------
    config
        ``plateau_steps``, ``processes``.
    folder
        For the journal.
    """
    jobs = [_Job(arm, config.plateau_steps, config.arms_seeds[0]) for arm in COMPARED]
    losses = shared(_trained, jobs, config.processes)
    rows = _rows()
    plateau = _unigram_losses(rows[:-HELD_OUT], rows[-HELD_OUT:])
    folder.record("plateau", objectives=list(COMPARED), steps=config.plateau_steps)
    return Table(
        title="The same models on Python's docstrings, loss in nats by prefix",
        columns=("objective", "layout", *(f"prefix {length}" for length in PREFIXES)),
        rows=(
            *((arm, layout, *values) for arm, found in zip(COMPARED, losses, strict=True) for layout, *values in found),
            ("unigram plateau", "", *plateau),
        ),
        note=f"{WORDS} words, {config.plateau_steps} steps of {BATCH * TOKENS} tokens, one seed. After {PREFIXES[1]} "
        f"tokens {', '.join(_below(arm, found, plateau) for arm, found in zip(COMPARED, losses, strict=True))} nats "
        "below the plateau. What masked models have learned by then is too little to compare layouts by; the table "
        "above is of a language that can be learned in minutes.",
    )


def _below(arm: str, found: list[tuple[str | float, ...]], plateau: list[float]) -> str:
    """Say how far below the plateau an objective is, in the layout that suits it better."""
    best = min(float(row[2]) for row in found)
    return f"{arm} is {plateau[1] - best:.2f}"


def _trained(job: _Job) -> list[tuple[str | float, ...]]:
    rows = torch.from_numpy(_rows())
    words = Vocabulary(WORDS + 1, special=(WORDS,), mask=WORDS)
    objective = ARMS[job.arm].objective(words)
    model: nn.Module = make_model(SHAPE, words, bidirectional=objective.bidirectional, seed=job.seed)
    seen, tested = rows[:-HELD_OUT], rows[-HELD_OUT:]
    train_arm(model, objective, seen, steps=job.steps, batch_size=BATCH, learning_rate=RATE / 2, seed=job.seed)
    model.eval()
    layouts: dict[str, Layout] = {"tight": Tight(words), "full": Full(words)}
    if not objective.bidirectional:
        layouts = {"": Causal(words)}
    return [
        (name, *_rounded(prefix_losses(model, tested, PREFIXES, layout).mean(dim=1).double().numpy()))
        for name, layout in layouts.items()
    ]


def _rows() -> Rows:
    """Return all docstrings one after the other, cut into rows; the order of rows is drawn, always the same."""
    corpus = docstring_corpus()
    lexicon = Lexicon.learned(corpus.texts, WORDS)
    tokens = np.concatenate([lexicon.encode(text) for text in corpus.texts])
    rows = tokens[: len(tokens) // TOKENS * TOKENS].reshape(-1, TOKENS)
    return np.random.default_rng(0).permutation(rows)


def _unigram_losses(seen: Rows, tested: Int[np.ndarray, "tested place"]) -> list[float]:
    often = np.bincount(seen.ravel(), minlength=WORDS) + 1.0
    losses = -np.log(often / often.sum())
    return _rounded(losses[tested[:, PREFIXES]].mean(axis=0))


def _rounded(values: np.ndarray) -> list[float]:
    return [round(float(value), 3) for value in values]
