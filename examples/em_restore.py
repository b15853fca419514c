"""A prior of clean digits from masked ones, fifty clean images beside them: what each step of the way restores.

Six pixels of ten are missing. No image behind a mask is looked at, except to measure at the end.
"""

import tempfile

import torch
from sklearn.datasets import load_digits

from consilience.methods.em_diffusion import EM, Inpainting, NetworkPrior, Observations, Rounds, Sampling, Training
from consilience.methods.em_diffusion.filling import fill_with_mean_image
from consilience.methods.em_diffusion.network import ResidualPerceptron
from consilience.methods.em_diffusion.quality import psnr
from consilience.methods.em_diffusion.training import fit_prior

images = torch.tensor(load_digits().images, dtype=torch.float32)[:, None] / 8 - 1
clean, hidden, new = images[:50], images[50:650], images[1500:1600]


def masked(pictures: torch.Tensor, seed: int) -> Observations:
    physics = Inpainting.random(len(pictures), (1, 8, 8), keep=0.4, seed=seed, noise_std=0.01)
    return Observations.corrupt(pictures, physics, seed)


def decibels(restored: torch.Tensor) -> str:
    return f"{psnr(restored, new, value_range=(-1.0, 1.0)).mean():.2f} dB"


seen, unseen = masked(hidden, seed=0), masked(new, seed=1)
sampling, training = Sampling(steps=15, corrections=1), Training(batch_size=64)
with torch.random.fork_rng(devices=[]):
    torch.manual_seed(0)
    network = ResidualPerceptron(1, 8, 8, width=128)

prior = NetworkPrior(network, sigma_data=clean.std().item(), mean=clean.mean().item())
prior = fit_prior(prior, clean, training, steps=200, seed=0)
print("holes left grey          ", decibels(unseen.y))
print("mean of the clean images ", decibels(fill_with_mean_image(unseen, clean)))
print("prior of 50 clean images ", decibels(sampling.restore(prior, unseen, samples=8, seed=0).mean(dim=1)))

with tempfile.TemporaryDirectory() as folder:
    rounds = Rounds(rounds=4, steps=100, samples=1)
    em = EM(prior, seen, clean, rounds=rounds, training=training, sampling=sampling, folder=folder)
    em.run(after=lambda done: print(f"  round {done.number}: error on hidden measurements {done.held_out:.3f}"))
drawn = sampling.restore(em.prior, unseen, samples=8, seed=0)
print("after EM                 ", decibels(drawn.mean(dim=1)), f"± a pixel {drawn.std(dim=1).mean():.2f}")
