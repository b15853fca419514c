"""The judge without ground truth: what it hides, that the posterior does not see it, and what it then says."""

import pytest

torch = pytest.importorskip("torch", reason="the em extra is not installed")

from consilience.methods.em_diffusion.corruption import (  # noqa: E402
    Blur,
    Denoising,
    Downsampling,
    Inpainting,
    RandomProjection,
    noise_std_of,
)
from consilience.methods.em_diffusion.gaussian import GaussianPrior  # noqa: E402
from consilience.methods.em_diffusion.held_out import HeldOut, PartlySeen  # noqa: E402
from consilience.methods.em_diffusion.observation import Observations  # noqa: E402
from consilience.methods.em_diffusion.sampling import Sampling  # noqa: E402

SHAPE, IMAGES = (1, 6, 6), 12
QUICK = Sampling(steps=8, corrections=0, value_range=None, high=5.0)

PHYSICS = {
    "masks": lambda: Inpainting.random(IMAGES, SHAPE, 0.5, seed=0, noise_std=0.1),
    "noise": lambda: Denoising(noise_std=torch.linspace(0.1, 0.5, IMAGES)),
    "blur": lambda: Blur.gaussian(1.0, 3, noise_std=0.1),
    "fewer pixels": lambda: Downsampling(2, noise_std=0.1),
    "projections": lambda: RandomProjection.random(IMAGES, SHAPE, 10, seed=0, noise_std=0.1),
}
every_physics = pytest.mark.parametrize("name", PHYSICS)


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def prior() -> GaussianPrior:
    place = torch.arange(36.0)
    row, column = place // 6, place % 6
    apart = (row[:, None] - row) ** 2 + (column[:, None] - column) ** 2
    return GaussianPrior(torch.zeros(SHAPE), torch.exp(-apart / 8.0) + 0.01 * torch.eye(36))


def observed(name: str) -> Observations:
    root = torch.linalg.cholesky(prior().covariance.float())
    images = (draw(IMAGES, 36) @ root.T).reshape(IMAGES, *SHAPE)
    return Observations.corrupt(images, PHYSICS[name](), seed=0)


@every_physics
def test_hiding_keeps_the_adjoint_an_adjoint(name) -> None:
    held = HeldOut(observed(name), seed=1)
    physics, x = held.shown.physics, draw(IMAGES, *SHAPE)
    y = draw(*held.shown.y.shape, seed=2)
    left = (physics.A(x) * y).flatten(1).sum(dim=1)
    right = (x * physics.A_adjoint(y)).flatten(1).sum(dim=1)
    assert torch.allclose(left, right, rtol=0, atol=1e-4)


@every_physics
def test_every_measured_entry_is_seen_or_hidden_and_hidden_ones_are_a_share(name) -> None:
    given = observed(name)
    held = HeldOut(given, share=0.3, seed=1)
    seen = held.shown.physics.measured(held.shown.y)
    assert not bool((seen & held.hidden).any())
    assert torch.equal(seen | held.hidden, given.measured.expand(given.y.shape))
    count = int(given.measured.sum())
    assert int(held.hidden.sum()) / count == pytest.approx(0.3, abs=4 * (0.21 / count) ** 0.5)


@every_physics
def test_what_is_hidden_cannot_reach_the_posterior(name) -> None:
    given = observed(name)
    held = HeldOut(given, seed=1)
    altered = torch.where(held.hidden, given.y + 100.0, given.y)
    again = HeldOut(Observations(altered, given.physics), seed=1)
    assert torch.equal(again.shown.y, held.shown.y)
    restored = [QUICK.restore(prior(), judge.shown, samples=2, seed=0) for judge in (held, again)]
    assert torch.equal(*restored)
    assert again.error(prior(), QUICK) > 50 * held.error(prior(), QUICK)


@every_physics
def test_a_partly_seen_corruption_is_cut_like_any_other(name) -> None:
    held = HeldOut(observed(name), seed=1)
    x, rows = draw(IMAGES, *SHAPE), [7, 0, 7]
    physics = held.shown.physics
    assert torch.allclose(physics.take(rows).A(x[rows]), physics.A(x)[rows], rtol=0, atol=1e-5)
    assert torch.equal(held.shown.take(rows).measured, held.shown.measured[rows])
    levels = torch.as_tensor(noise_std_of(physics)).expand(IMAGES)
    assert torch.equal(torch.as_tensor(noise_std_of(physics.take(rows))).expand(3), levels[rows])


def test_noise_falls_on_what_is_looked_at_only() -> None:
    seen = torch.rand(IMAGES, *SHAPE, generator=torch.Generator().manual_seed(0)) < 0.5
    y = PartlySeen(Denoising(noise_std=0.5), seen)(torch.zeros(IMAGES, *SHAPE))
    assert not bool(y[~seen].any())
    assert float(y[seen].std()) == pytest.approx(0.5, abs=0.1)


def test_a_better_prior_predicts_better() -> None:
    flat = GaussianPrior(torch.zeros(SHAPE), torch.eye(36))
    held = HeldOut(observed("masks"), share=0.4, seed=1)
    assert held.error(prior(), QUICK) < 0.8 * held.error(flat, QUICK)


def test_the_same_seed_hides_the_same() -> None:
    given = observed("masks")
    first, again, other = (HeldOut(given, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first.hidden, again.hidden)
    assert not torch.equal(first.hidden, other.hidden)
    assert first.error(prior(), QUICK, seed=3) == again.error(prior(), QUICK, seed=3)


@pytest.mark.parametrize(("images", "taken"), [(1, 1), (5, 5), (12, 12), (100, 12)])
def test_as_many_observations_are_judged_as_asked_for_and_as_there_are(images, taken) -> None:
    held = HeldOut(observed("masks"), images=images)
    assert len(held.whole) == len(held.shown) == len(held.hidden) == taken


def test_an_image_of_which_nothing_is_left_to_see_is_no_obstacle() -> None:
    mask = torch.zeros(8, 1, 6, 6, dtype=torch.bool)
    mask[:, :, 2, 3] = True
    given = Observations(draw(8, *SHAPE), Inpainting(mask, noise_std=0.1))
    held = HeldOut(given, share=0.6, seed=0)
    assert bool(held.hidden.any())
    assert not bool(held.hidden.all())
    assert held.error(prior(), QUICK) < 3.0


def test_a_corruption_from_elsewhere_is_judged_too() -> None:
    class Differences:
        noise_std = 0.1

        def __call__(self, x: torch.Tensor) -> torch.Tensor:
            return self.A(x)

        def A(self, x: torch.Tensor) -> torch.Tensor:  # noqa: N802
            return x[..., ::2] - x[..., 1::2]

        def A_adjoint(self, y: torch.Tensor) -> torch.Tensor:  # noqa: N802
            return torch.stack([y, -y], dim=-1).flatten(-2)

    held = HeldOut(Observations.corrupt(draw(IMAGES, *SHAPE), Differences(), seed=0), seed=1)
    assert held.hidden.shape == (IMAGES, 1, 6, 3)
    assert 0 < held.error(prior(), QUICK) < 5
