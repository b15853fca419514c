"""The claims of the room, and the studies that measure them."""

from __future__ import annotations

from consilience.ground import Report, RunFolder, Statement, measure_claims
from consilience.methods.decorrelated_preferences.config import Config, policy_reason

__all__ = ["run"]

PAPER = "arXiv:2406.17969"

CLAIMS: tuple[tuple[Statement, str], ...] = (
    (
        Statement(
            id="decpo.parity",
            sentence="Without the regulariser, training is that of TRL to the bit.",
            source="our bar",
        ),
        "parity:parity",
    ),
    (
        Statement(
            id="decpo.overhead",
            sentence="The regulariser costs hardly any time and memory.",
            source="our bars",
        ),
        "overhead:overhead",
    ),
    (
        Statement(
            id="decpo.gradient",
            sentence="The regulariser has a gradient wherever it says so, reads the right token, and leaves no "
            "hook behind.",
            source="our bars; the published code registers a hook a step and reads padding",
        ),
        "gradient:gradient",
    ),
    (
        Statement(
            id="decpo.identities",
            sentence="The formula of the paper, that of its published code, and what they have in common are exact.",
            source=f"{PAPER}, section 4 (the regulariser); identities derived here",
        ),
        "identities:identities",
    ),
    (
        Statement(
            id="decpo.effect",
            sentence="Decorrelated features keep the margin of DPO; whether anything is gained is held against "
            "plain controls.",
            source=f"{PAPER}, figure 6 and table 2 (direction); our toy and bars",
        ),
        "effect:effect",
    ),
    (
        Statement(
            id="decpo.policy",
            sentence="On a pretrained policy and preferences of one's own: DPO, the cosine form, the literal form and "
            "L1 side by side.",
            source=f"{PAPER}, section 4 and table 2 (arms); our report, without bars",
        ),
        "policy:policy",
    ),
)


def run(config: Config, folder: RunFolder) -> Report:
    """Measure the claims that the configuration names, and say which hold; what is finished is not measured again."""
    lacking = {"decpo.policy": policy_reason(config)}
    return measure_claims(
        "decorrelated_preferences", config, folder, CLAIMS, extra="preferences", lacking=lacking, picture="effect"
    )
