"""EM diffusion: clean-image priors learned from corrupted images, and restorations with error bars.

Can a generative prior of clean images be learned when there are corrupted ones only, or hardly any clean ones?

Idea: alternate. Draw clean images from the posterior given every observation under the current prior (E), fit a
diffusion prior to them (M), and repeat; start from a few clean images, from a prior trained elsewhere, or from a
Gaussian that closed-form EM fits. Corruptions speak deepinv's words, priors save as diffusers pipelines, and a
posterior is a denoiser that wraps a denoiser, so that any sampler takes it.

Source: "An Expectation-Maximization Algorithm for Training Clean Diffusion Models from Corrupted Observations",
arXiv:2407.01014; posteriors of arXiv:2405.13712 and arXiv:2209.14687.

The names load when they are first used: torch is needed from then on.
"""

from typing import TYPE_CHECKING

from consilience.ground.late import late_names

if TYPE_CHECKING:
    from consilience.methods.em_diffusion.corruption import Blur, Denoising, Downsampling, Inpainting
    from consilience.methods.em_diffusion.diffusers_prior import DiffusersPrior
    from consilience.methods.em_diffusion.em import EM, Rounds
    from consilience.methods.em_diffusion.gaussian_em import fit_gaussian_em
    from consilience.methods.em_diffusion.observation import Observations
    from consilience.methods.em_diffusion.posterior import DPS, MMPS, PGDM
    from consilience.methods.em_diffusion.prior import NetworkPrior
    from consilience.methods.em_diffusion.sampling import Sampling
    from consilience.methods.em_diffusion.training import Training

_HOMES = {
    "DPS": "posterior",
    "EM": "em",
    "MMPS": "posterior",
    "PGDM": "posterior",
    "Blur": "corruption",
    "Denoising": "corruption",
    "DiffusersPrior": "diffusers_prior",
    "Downsampling": "corruption",
    "Inpainting": "corruption",
    "NetworkPrior": "prior",
    "Observations": "observation",
    "Rounds": "em",
    "Sampling": "sampling",
    "Training": "training",
    "fit_gaussian_em": "gaussian_em",
}

__all__ = [
    "DPS",
    "EM",
    "MMPS",
    "PGDM",
    "Blur",
    "Denoising",
    "DiffusersPrior",
    "Downsampling",
    "Inpainting",
    "NetworkPrior",
    "Observations",
    "Rounds",
    "Sampling",
    "Training",
    "fit_gaussian_em",
]

__getattr__, __dir__ = late_names(__name__, _HOMES, extra="em")
