"""The claims of the room, and the studies that measure them."""

from __future__ import annotations

from consilience.ground import Report, RunFolder, Statement, measure_claims
from consilience.methods.self_correction.config import Config

__all__ = ["run"]

PAPER = "arXiv:2405.18634"

CLAIMS: tuple[tuple[Statement, str], ...] = (
    (
        Statement(
            id="correct.construction",
            sentence="A transformer of two heads and N - 1 blocks a step does gradient descent on the ranking loss in "
            "context.",
            source=f"{PAPER}, figure 7 (one block of the construction); weights and error law rebuilt here",
        ),
        "construction:construction",
    ),
    (
        Statement(
            id="correct.losses",
            sentence="Ranking losses over all prefixes at once are exact, and fast.",
            source=f"Bradley-Terry and Plackett-Luce as {PAPER} uses them; our bars",
        ),
        "losses:losses",
    ),
    (
        Statement(
            id="correct.published",
            sentence="Our gradient descent follows the published curve, whose plateau is the bias of the objective.",
            source=f"{PAPER}, stored output of its published notebook",
        ),
        "published:published",
    ),
    (
        Statement(
            id="correct.baselines",
            sentence="Trivial rules belong beside every learned one: best-of-N, least squares, the mean.",
            source=f"our report, on the data of the published code of {PAPER}",
        ),
        "baselines:baselines",
    ),
    (
        Statement(
            id="correct.consistency",
            sentence="With rewards that follow the model, the ranking estimate is consistent; with rewards free of "
            "noise it is biased.",
            source="derived here",
        ),
        "consistency:consistency",
    ),
    (
        Statement(
            id="correct.ablation",
            sentence="Softmax, heads, feed-forward layers and depth are each needed, at matched causality and width.",
            source=f"{PAPER}, its published code; masks and widths matched here",
        ),
        "ablation:ablation",
    ),
    (
        Statement(
            id="correct.rounds",
            sentence="Accuracy over rounds of self-correction follows from four rates, and helps on one side of a "
            "line.",
            source="derived here; arXiv:2310.01798 for losses",
        ),
        "rounds:rounds",
    ),
    (
        Statement(
            id="correct.loop",
            sentence="A correction loop never exceeds its budget, resumes with the same trace, and costs next to "
            "nothing.",
            source="our bars",
        ),
        "loop:loop",
    ),
    (
        Statement(
            id="correct.models",
            sentence="Defences at equal calls are measured as they are planted, and one that only refuses more is "
            "shown as such: on a template bot, no language model.",
            source=f"our bars; strategies after {PAPER} and the works it compares with",
        ),
        "models:models",
    ),
)


def run(config: Config, folder: RunFolder) -> Report:
    """Measure the claims that the configuration names, and say which hold; what is finished is not measured again."""
    return measure_claims("self_correction", config, folder, CLAIMS, extra="correction,agents", picture="break-even")
