"""The claims of the room, and the studies that measure them."""

from __future__ import annotations

from consilience.ground import Report, RunFolder, Statement, measure_claims
from consilience.methods.em_diffusion.config import Config, fashion_reason

__all__ = ["run"]

PAPER = "arXiv:2407.01014"

CLAIMS: tuple[tuple[Statement, str], ...] = (
    (
        Statement(
            id="em.closure",
            sentence="From fifty clean digits and corrupted ones, EM comes much of the way to a prior that was trained "
            "on all of them clean.",
            source=f"{PAPER}, tables 1 and 4 (CIFAR-10, inpainting); our bar on sklearn's digits",
        ),
        "comparison:closure",
    ),
    (
        Statement(
            id="em.frechet",
            sentence="What the prior of EM generates is far closer to clean images than what the prior of the fifty "
            "does.",
            source=f"{PAPER}, table 1 (FID); our bar, in a digits embedding that is named",
        ),
        "comparison:frechet",
    ),
    (
        Statement(
            id="em.baselines",
            sentence="EM restores better than the prior of the fifty, closed-form Gaussian EM, and Ambient Diffusion "
            "given the same clean images.",
            source=f"{PAPER}, table 1; our bars, every opponent tuned on the same split",
        ),
        "comparison:baselines",
    ),
    (
        Statement(
            id="em.rounds",
            sentence="Each of the first six rounds brings the generated images closer, and no round costs PSNR.",
            source=f"{PAPER}, figure 5",
        ),
        "comparison:rounds",
    ),
    (
        Statement(
            id="em.gaussian",
            sentence="Where the posterior is known exactly, moment matching samples it: mean, covariance and coverage.",
            source="arXiv:2405.13712; laws of Gaussian priors derived in the documentation",
        ),
        "gaussian:gaussian",
    ),
    (
        Statement(
            id="em.laws",
            sentence="Every corruption has its exact adjoint, and no image's restoration depends on its batch.",
            source=f"our bars; the published code of {PAPER} takes norms over the batch",
        ),
        "laws:laws",
    ),
    (
        Statement(
            id="em.resume",
            sentence="A run that is killed in either step and started again ends with the same bits.",
            source="our bar",
        ),
        "resuming:resuming",
    ),
    (
        Statement(
            id="em.cost",
            sentence="A guided step costs one evaluation of the network, and a tenth of the evaluations do as well as "
            "a tuned sampler of a thousand steps.",
            source="our bars; diffusion posterior sampling of arXiv:2209.14687",
        ),
        "cost:cost",
    ),
    (
        Statement(
            id="em.guidance",
            sentence="The strength of guidance can be found without ground truth.",
            source=f"{PAPER}, equation 12, and the discrepancy principle",
        ),
        "guidance:guidance",
    ),
    (
        Statement(
            id="em.other",
            sentence="Under noise and under blur EM closes a part of the gap too, though a Gaussian prior is hard to "
            "beat.",
            source=f"{PAPER}, tables 1 and 4 (denoising, deblurring); our bars",
        ),
        "comparison:other",
    ),
    (
        Statement(
            id="em.fashion",
            sentence="The same loop with a U-Net learns clothes of 28 by 28 pixels through masks.",
            source="our report on Fashion-MNIST, arXiv:1708.07747",
        ),
        "fashion:fashion",
    ),
)


def run(config: Config, folder: RunFolder) -> Report:
    """Measure the claims that the configuration names, and say which hold; what is finished is not measured again.

    Arms that studies share are kept in the folder too.
    """
    lacking = {"em.fashion": fashion_reason(config)}
    return measure_claims("em_diffusion", config, folder, CLAIMS, extra="em", lacking=lacking, picture="digits")
