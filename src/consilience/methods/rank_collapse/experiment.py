"""The claims of the room, and the studies that measure them."""

from __future__ import annotations

from consilience.ground import Report, RunFolder, Statement, measure_claims
from consilience.methods.rank_collapse.config import Config

__all__ = ["run"]

PAPER = "arXiv:2405.18781"

CLAIMS: tuple[tuple[Statement, str], ...] = (
    (
        Statement(
            id="rank.graphs",
            sentence="What a mask lets through is read off its graph: connectivity, centres and radius are exact.",
            source=f"{PAPER}, abstract (masks as graphs); closed forms derived here",
        ),
        "graphs:graphs",
    ),
    (
        Statement(
            id="rank.bounds",
            sentence="Tokens under a rooted mask draw together at least as fast as the theorem says, with LayerNorm "
            "too where they begin in a half-space.",
            source=f"{PAPER}; both bounds rebuilt here with explicit constants",
        ),
        "bounds:bounds",
    ),
    (
        Statement(
            id="rank.local",
            sentence="Local masks slow collapse: depth grows with the radius squared where attention looks both ways, "
            "with the radius where it looks one way.",
            source=f"{PAPER}, figure 2 (masks differ in rate); rates derived here",
        ),
        "local:local",
    ),
    (
        Statement(
            id="rank.equilibria",
            sentence="With LayerNorm there are equilibria of every rank from one to full.",
            source=f"{PAPER}, abstract and figure 1; constructions derived here",
        ),
        "equilibria:equilibria",
    ),
    (
        Statement(
            id="rank.layernorm",
            sentence="LayerNorm lets some value matrices keep the rank, and does not save random ones.",
            source=f"{PAPER}, abstract; the limit of the claim is ours",
        ),
        "layernorm:layernorm",
    ),
    (
        Statement(
            id="rank.numerics",
            sentence="Measures of collapse are exact down to a floor that they know.",
            source="our bars",
        ),
        "numerics:numerics",
    ),
    (
        Statement(
            id="rank.overhead",
            sentence="A probe that streams costs hardly more than the model alone.",
            source="our bars",
        ),
        "overhead:overhead",
    ),
)


def run(config: Config, folder: RunFolder) -> Report:
    """Measure the claims that the configuration names, and say which hold; what is finished is not measured again."""
    return measure_claims("rank_collapse", config, folder, CLAIMS, extra="rank", picture="local")
