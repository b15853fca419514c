"""The claims of the room, and the studies that measure them."""

from __future__ import annotations

from consilience.ground import Report, RunFolder, Statement, measure_claims
from consilience.methods.pretraining_objectives.config import Config, text_reason

__all__ = ["run"]

PAPER = "arXiv:2407.00935"

CLAIMS: tuple[tuple[Statement, str], ...] = (
    (
        Statement(
            id="pretrain.spectrum",
            sentence="Training on an objective factorises its co-occurrence matrix, whose singular values bound "
            "what a linear probe can miss; more targets a context make them fall.",
            source=f"{PAPER}, abstract (co-occurrence of context and target); identity, bound and law derived here",
        ),
        "spectrum:spectrum",
    ),
    (
        Statement(
            id="pretrain.classify",
            sentence="On real text, targets further ahead connect more texts of a kind: a probe reads the label "
            "better, as it does for masking.",
            source=f"{PAPER}, abstract (flexible targets, classification); our bars",
        ),
        "classify:classify",
    ),
    (
        Statement(
            id="pretrain.generate",
            sentence="A model masked at one ratio pays for lengths of text that it was not trained on; one masked "
            "at all ratios does not.",
            source=f"{PAPER}, abstract (misaligned lengths, generation); our bars",
        ),
        "generate:generate",
    ),
    (
        Statement(
            id="pretrain.arms",
            sentence="Six objectives side by side, in what a probe reads and in what they give to text of every "
            "length.",
            source=f"{PAPER}, abstract (both remedies); our report",
        ),
        "arms:arms",
    ),
    (
        Statement(
            id="pretrain.speed",
            sentence="Masking rows of every ratio, and predicting further ahead, costs little more than the plain "
            "ways.",
            source="our bars",
        ),
        "speed:speed",
    ),
    (
        Statement(
            id="pretrain.exact",
            sentence="One offset is plain autoregression to the bit, and no future token leaks.",
            source="our bars",
        ),
        "exact:exact",
    ),
    (
        Statement(
            id="pretrain.text",
            sentence="Six objectives on text of one's own at the size of published models.",
            source=f"{PAPER}, abstract (both remedies); our report, without bars",
        ),
        "text:text",
    ),
)


def run(config: Config, folder: RunFolder) -> Report:
    """Measure the claims that the configuration names, and say which hold; what is finished is not measured again."""
    return measure_claims(
        "pretraining_objectives",
        config,
        folder,
        CLAIMS,
        extra="pretraining",
        lacking={"pretrain.text": text_reason(config)},
        picture="arms",
    )
