"""Objectives side by side on one text: trained alike, then asked for the token after prefixes of several lengths.

Losses of training are not compared: each objective has its own. What all can be asked is the next token, a causal model
by its last place, a masked one by a mask there, alone (tight) or with masks up to the end of the row (full).
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import torch
from jaxtyping import Int
from rich.console import Console
from rich.table import Table
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, AutoTokenizer

from consilience.ground.errors import InvalidInput
from consilience.methods.pretraining_objectives.likelihood import Causal, Full, Tight, prefix_losses
from consilience.methods.pretraining_objectives.own_text.packing import Packed
from consilience.methods.pretraining_objectives.own_text.request import Training
from consilience.methods.pretraining_objectives.own_text.training import INTERRUPTED, held_out_rows, learn
from consilience.methods.pretraining_objectives.ratios import as_ratio
from consilience.methods.pretraining_objectives.settings import ObjectiveName, ObjectiveSettings
from consilience.methods.pretraining_objectives.vocabulary import Vocabulary
from consilience.neural.device import choose_device
from consilience.neural.hush import hushed
from consilience.neural.processes import speaks

__all__ = ["Compared", "Matched", "compare", "judged", "prefix_lengths", "target_share", "unigram_loss"]

Matched = Literal["steps", "targets"]
"""What the arms have in common: steps, or tokens that were predicted."""


@dataclass(frozen=True)
class Compared:
    """What came of one objective."""

    objective: str
    layout: str
    steps: int
    seen: int
    """Tokens that went through the model."""
    predicted: int
    """Of them, tokens that were targets."""
    losses: dict[int, float]
    """Nats of the token after a prefix, by its length."""
    errors: dict[int, float]
    """Standard errors over rows."""


def compare(
    request: Training, names: Sequence[ObjectiveName], *, matched: Matched = "steps", as_json: bool = False
) -> int:
    """Train one model an objective and print what each gives to the token after prefixes; 130 where ctrl-C came.

    Raises
    ------
    InvalidInput
        If an objective is named twice or none is, or rows have no held-out part or different lengths; nothing is
        trained then.
    """
    if len(set(names)) != len(names) or not names:
        raise InvalidInput(f"--objectives must name some objectives, each once; got {', '.join(names) or 'none'}")
    if request.held_out == 0 or request.layout != "packed":
        raise InvalidInput("a comparison needs packed rows that are not trained on: leave --held-out above 0")
    found = []
    # All before any is trained, so that what is wrong with the last is said at once.
    for arm in [_arm(request, name, matched) for name in names]:
        name = arm.objective.name
        if speaks() and not request.quiet:
            sys.stderr.write(f"{name}: {arm.steps} steps\n")
        outcome = learn(arm)
        if not outcome.complete:
            if speaks():
                sys.stderr.write(f"stopped in {name} after step {outcome.steps}; the same command goes on from there\n")
            return INTERRUPTED
        found += judged(arm, outcome.seen)
    unigram = unigram_loss(arm)
    if not speaks():
        return 0
    if as_json:
        sys.stdout.write(json.dumps({"unigram": unigram, "arms": [asdict(arm) for arm in found]}, indent=2) + "\n")
    else:
        _show(found, unigram)
    return 0


def target_share(settings: ObjectiveSettings) -> float:
    """Return which share of the tokens are targets: all of them for prediction ahead, the mean ratio for masks."""
    return as_ratio(settings.resolved_ratio).mean if settings.bidirectional else 1.0


def prefix_lengths(window: int) -> tuple[int, ...]:
    """Return lengths of prefixes to ask after: powers of two from 4, and all but the last token.

    Examples
    --------
    >>> prefix_lengths(64)
    (4, 8, 16, 32, 63)
    """
    powers = tuple(2**power for power in range(2, 12) if 2**power < window - 1)
    return (*powers, window - 1)


def _arm(request: Training, name: ObjectiveName, matched: Matched) -> Training:
    settings = replace(request.objective, name=name)
    # The objective with the most targets a token makes the steps that were asked for, the others more.
    scale = 1.0 if matched == "steps" else 1.0 / target_share(settings)
    return replace(
        request, objective=settings, out=request.out / name, steps=math.ceil(request.steps * scale), judged=True
    )


def judged(arm: Training, seen: int) -> list[Compared]:
    """Ask a trained model for the token after prefixes of held-out rows, in each layout that it can be asked in.

    Parameters
    ----------
    arm
        As it was trained; the model lies in its folder.
    seen
        Tokens that went through the model in training.
    """
    device = choose_device(arm.device)
    kind: Any = AutoModelForMaskedLM if arm.objective.bidirectional else AutoModelForCausalLM
    with hushed():
        tokenizer, model = AutoTokenizer.from_pretrained(arm.out), kind.from_pretrained(arm.out).eval().to(device)
    vocabulary = Vocabulary.of(tokenizer)
    rows = _held_out(arm, tokenizer).to(device)
    layouts = (Tight(vocabulary), Full(vocabulary)) if arm.objective.bidirectional else (Causal(vocabulary),)
    compared = []
    for layout in layouts:
        each = {length: _after(model, rows, length, layout, vocabulary) for length in prefix_lengths(arm.window)}
        compared.append(
            Compared(
                objective=arm.objective.name,
                layout=type(layout).__name__.lower(),
                steps=arm.steps,
                seen=seen,
                predicted=round(seen * target_share(arm.objective)),
                losses={length: mean for length, (mean, _) in each.items()},
                errors={length: error for length, (_, error) in each.items()},
            )
        )
    return compared


def _held_out(arm: Training, tokenizer: Any) -> Int[Tensor, "row token"]:
    kept = held_out_rows(arm, tokenizer)
    if not isinstance(kept, Packed):
        raise InvalidInput("rows to ask about must be packed, of one length; got documents of their own: pack the text")
    return kept.rows


def _after(
    model: Any, rows: Int[Tensor, "row token"], length: int, layout: Causal | Tight, vocabulary: Vocabulary
) -> tuple[float, float]:
    """Return mean and standard error over the rows in which a token of text stands there, and no end before it.

    What begins the next document is asked of no model: one that looks ahead within documents never learned it.
    """
    text = rows[~vocabulary.is_special(rows[:, length]) & (rows[:, length - 1] != vocabulary.end)]
    if len(text) == 0:
        return math.nan, math.nan
    losses = prefix_losses(model, text, [length], layout)[0].cpu().double()
    return float(losses.mean()), float(losses.std(correction=0) / max(1, len(losses) - 1) ** 0.5)


def unigram_loss(arm: Training) -> float:
    """Return the loss of always answering with the frequencies of the held-out tokens themselves."""
    tokenizer = AutoTokenizer.from_pretrained(arm.out)
    vocabulary = Vocabulary.of(tokenizer)
    tokens = _held_out(arm, tokenizer).flatten()
    counts = torch.bincount(tokens[~vocabulary.is_special(tokens)], minlength=vocabulary.size).double()
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * shares.log()).sum())


def _show(found: Sequence[Compared], unigram: float) -> None:
    table = Table(title="Nats of the next token after a prefix, on rows not trained on", title_justify="left")
    lengths = tuple(found[0].losses)
    left = {"objective", "layout"}
    for heading in ("objective", "layout", "steps", "seen", "targets", *map(str, lengths)):
        table.add_column(heading, justify="left" if heading in left else "right", no_wrap=True)
    for arm in found:
        counts = (str(arm.steps), _short(arm.seen), _short(arm.predicted))
        table.add_row(arm.objective, arm.layout, *counts, *(f"{arm.losses[length]:.2f}" for length in lengths))
    widest = max(1.96 * error for arm in found for error in arm.errors.values())
    console = Console(soft_wrap=True, highlight=False)
    console.print(table)
    console.print(
        f"numbers in the heading: length of the prefix; seen, targets: tokens in training. Each ±{widest:.2f} at most "
        f"(95 %, over rows; one seed). Frequencies of tokens alone give {unigram:.2f}."
    )


def _short(count: int) -> str:
    """Write a large count in thousands or millions.

    Examples
    --------
    >>> _short(61440), _short(2_500_000), _short(512)
    ('61k', '2.5M', '512')
    """
    million, thousand = 10**6, 10**4
    if count >= million:
        return f"{count / million:.1f}M"
    return f"{count // 1000}k" if count >= thousand else str(count)
