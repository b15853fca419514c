"""Settings of the laboratory for what a text model is pretrained to predict; `Config()` is a valid smoke run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from consilience.ground import STRICT, Count

ClaimId = Literal[
    "pretrain.spectrum",
    "pretrain.classify",
    "pretrain.generate",
    "pretrain.arms",
    "pretrain.speed",
    "pretrain.exact",
    "pretrain.text",
]
"""The claims of this room."""

Pair = Annotated[int, Field(ge=2, description="at least two, so that there is a spread")]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Config:
    """What a run measures, and how much of it."""

    recipe: str = "smoke"
    """Name of the recipe that the settings started from."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Root of all randomness."""
    claims: tuple[ClaimId, ...] = ("pretrain.spectrum", "pretrain.exact")
    """Claims to measure; the others are reported as not measured by this recipe."""

    spectrum_joints: Count = 200
    """Random joint distributions on which the factorisation and the bound are checked."""
    spectrum_draws: Count = 3
    """Graphs of classes for each number of targets."""

    classify_vocabulary: Annotated[int, Field(ge=3)] = 1024
    """Words that are told apart in the docstrings."""
    classify_rank: Count = 64
    """Features of a word."""

    arms_seeds: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=2)] = (4, 5)
    """Seeds of the models of each arm; settings were chosen on seeds below 4 and on 10."""
    arms_steps: Count = 20
    """Gradient steps of each."""
    plateau_steps: Count = 10
    """Gradient steps of the models on real text, which show why the others are on a made-up language."""
    processes: Count = 1
    """Processes that train models at the same time, one thread each."""

    speed_rounds: Annotated[int, Field(ge=7)] = 7
    """Rounds of timing; medians are over them."""
    speed_shapes: Annotated[int, Field(ge=1, le=3)] = 1
    """Sizes of models whose training steps are timed."""

    text: str = ""
    """Text of claim pretrain.text: a file, or a folder of them (.txt, .md, .rst, .py), a document each; a .jsonl file
    has a document a line, in its field "text". Nothing is downloaded."""
    text_seeds: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)] = (1,)
    """Seeds of the models of each objective; 100 times `seed` is added to every one."""
    text_vocabulary: Annotated[int, Field(ge=260)] = 4096
    """Tokens to learn from the text, at most: byte pairs."""
    text_layers: Count = 4
    """Of every model."""
    text_width: Annotated[int, Field(ge=2)] = 128
    """Features of a token; an even multiple of the heads."""
    text_heads: Count = 4
    """Of attention."""
    text_window: Annotated[int, Field(ge=6)] = 128
    """Tokens of a row."""
    text_steps: Count = 1000
    """Optimiser steps of every model."""
    text_batch: Count = 32
    """Rows of a batch."""
    text_accumulate: Count = 1
    """Batches of a step."""
    text_learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    """Of AdamW, at its highest: it rises over a tenth of the steps and falls along a cosine."""
    text_held_out: Annotated[float, Field(gt=0, lt=1)] = 0.05
    """Share of the rows, from the end and 512 at most, that are not trained on."""
    text_save_every: Count = 500
    """Steps between two checkpoints, from which an interrupted run goes on."""
    device: str = "cpu"
    """Torch device of claim pretrain.text; "auto" is the best one there is."""


def text_reason(config: Config) -> str | None:
    """Return why claim pretrain.text cannot be measured, if its text is not there; needs no torch."""
    if not config.text:
        return "needs a text of one's own: set text=..., a file or a folder"
    return None if Path(config.text).exists() else f"needs the file or folder that text names, {config.text}"
