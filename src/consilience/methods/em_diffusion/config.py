"""Settings of the laboratory for clean-image priors from corrupted images; `Config()` is a valid smoke run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from consilience.ground import STRICT, Count

ClaimId = Literal[
    "em.closure",
    "em.frechet",
    "em.baselines",
    "em.rounds",
    "em.gaussian",
    "em.laws",
    "em.resume",
    "em.cost",
    "em.guidance",
    "em.other",
    "em.fashion",
]
"""The claims of this room."""

Pair = Annotated[int, Field(ge=2, description="at least two, so that there is a spread")]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Config:
    """What a run measures, and how much of it."""

    recipe: str = "smoke"
    """Name of the recipe that the settings started from."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Root of all randomness; 100 times it is added to every one of `seeds`."""
    claims: tuple[ClaimId, ...] = ("em.closure", "em.laws", "em.resume")
    """Claims to measure; the others are reported as not measured by this recipe."""
    processes: Count = 1
    """Processes that the arms of different seeds and tasks are shared among, one thread each."""

    seeds: tuple[Annotated[int, Field(ge=0)], ...] = (7,)
    """Splits of the digits, each with its own masks, noise and networks; settings were tuned on seed 0 alone."""
    test_images: Pair = 12
    """Images that all arms restore, of 297."""
    corrupted_images: Pair = 100
    """Images that are seen corrupted only, of 1,450."""
    clean_images: Pair = 50
    """Clean images that every arm is given."""
    start_steps: Count = 15
    """Gradient steps of the prior of the few clean images, from which EM starts."""
    rounds: Count = 2
    """Rounds of EM."""
    round_steps: Count = 15
    """Gradient steps a round."""
    polish_steps: Count = 10
    """Gradient steps after the last round, the rate falling to zero. The prior of clean images takes as many as all
    of these together."""
    refreshes: Count = 1
    """Times that posterior samples are drawn anew within a round."""
    restored_samples: Pair = 2
    """Posterior samples a test image; their mean is the restoration."""
    generated_images: Pair = 50
    """Images generated for Frechet distances."""
    curve_images: Pair = 50
    """The same after every round, where small differences are judged: of 1,500 images a distance varies by 4 % with
    their seed."""
    embedding_steps: Count = 100
    """Gradient steps of the embedding that Frechet distances are taken in."""
    ambient_steps: Count = 15
    """Gradient steps of Ambient Diffusion; 2,500 were best on the tuning split of full size."""
    tasks: tuple[Literal["denoise", "blur .01", "blur .1"], ...] = ("denoise", "blur .01", "blur .1")
    """Corruptions beside masks, of claim em.other."""

    alone_images: Annotated[int, Field(ge=1, le=4)] = 1
    """Images of 64 that are restored by themselves too, for claim em.laws."""

    gaussian_images: Pair = 8
    """Images restored for each corruption where the prior is Gaussian."""
    gaussian_samples: Pair = 64
    """Samples of each."""
    gaussian_steps: tuple[Count, ...] = (40,)
    """Numbers of evaluations of the denoiser a sample; the largest one is judged."""

    prior_steps: Count = 600
    """Gradient steps of the prior of clean digits that guidance and cost are measured with."""
    guidance_images: Pair = 40
    """Images on which strengths of guidance are compared."""
    guidance_steps: Count = 100
    """Evaluations of the denoiser a sample there."""
    cost_images: Pair = 16
    """Images that the long sampler restores."""
    cost_samples: Pair = 2
    """Samples of each."""
    cost_steps: Count = 1000
    """Evaluations of the denoiser that the long sampler takes."""

    fashion_folder: str = ""
    """Folder with the files of Fashion-MNIST, for claim em.fashion; nothing is downloaded."""
    fashion_training: str = "train-images-idx3-ubyte.gz"
    """File of the training images there: IDX or .npy, grey or RGB, all of one size."""
    fashion_labels: str = "train-labels-idx1-ubyte.gz"
    """File of their labels, for the embedding that Frechet distances are taken in: IDX or .npy."""
    fashion_testing: str = "t10k-images-idx3-ubyte.gz"
    """File of the test images."""
    fashion_name: str = "Fashion-MNIST"
    """What the images are, as tables and the embedding's name say it."""
    fashion_images: Pair = 2000
    """Masked images of clothes."""
    fashion_keep: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """Share of pixels of clothes that is seen."""
    fashion_linear_images: Pair = 1000
    """How many of the masked images Gaussian EM is given, whose cost grows with the cube of the pixels seen."""
    fashion_tuning_images: Pair = 64
    """Clean images that the weight of total variation is chosen on."""
    fashion_test_images: Pair = 128
    """Images that all arms restore."""
    fashion_samples: Pair = 4
    """Posterior samples of each."""
    fashion_generated: Pair = 1000
    """Images generated for Frechet distances."""
    fashion_embedding_steps: Count = 400
    """Gradient steps of the embedding."""
    fashion_width: Annotated[int, Field(ge=8, multiple_of=8)] = 32
    """Channels of the U-Net's first level; the others have twice as many."""
    fashion_resolutions: Count = 3
    """Levels of the U-Net, each half the size of the one before."""
    fashion_blocks: Count = 1
    """Residual blocks a level."""
    fashion_learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    """Of Adam, for every network."""
    fashion_batch: Count = 128
    """Images a gradient step."""
    fashion_start_steps: Count = 500
    """Gradient steps of the prior of the few clean images, from which EM starts."""
    fashion_rounds: Count = 4
    """Rounds of EM."""
    fashion_round_steps: Count = 300
    """Gradient steps a round."""
    fashion_polish_steps: Count = 300
    """Gradient steps after the last round, the rate falling to zero. The prior of clean images and Ambient Diffusion
    take as many as all of these together."""
    fashion_refreshes: Count = 1
    """Times that posterior samples are drawn anew within a round."""
    fashion_noise_levels: Pair = 20
    """Noise levels of the sampler, before corrections."""
    device: str = "cpu"
    """Torch device of claim em.fashion; "auto" is cuda where there is one and cpu elsewhere."""


def fashion_reason(config: Config) -> str | None:
    """Return why claim em.fashion cannot be measured, if its images are not there; needs no torch."""
    if not config.fashion_folder:
        return "needs Fashion-MNIST: name the folder of its IDX files with fashion_folder"
    folder = Path(config.fashion_folder)
    absent = [
        name
        for name in (config.fashion_training, config.fashion_labels, config.fashion_testing)
        if not (folder / name).is_file()
    ]
    return f"needs {', '.join(absent)} in the folder that fashion_folder names, {folder}" if absent else None
