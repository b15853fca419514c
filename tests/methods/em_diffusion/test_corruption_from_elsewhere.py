"""A physics with the attributes of deepinv's, and no others, works unchanged."""

import pytest

torch = pytest.importorskip("torch", reason="the em extra is not installed")

from consilience.ground.errors import InvalidInput  # noqa: E402
from consilience.methods.em_diffusion.corruption import (  # noqa: E402
    Physics,
    is_identifiable,
    measured_entries,
    noise_std_of,
    take_images,
    unidentifiable_because,
)
from consilience.methods.em_diffusion.observation import Observations  # noqa: E402

# The stand-ins are named as deepinv's classes are, since names are part of what is looked at.


class GaussianNoise(torch.nn.Module):
    def __init__(self, sigma: float | torch.Tensor = 0.1, rng: torch.Generator | None = None) -> None:
        super().__init__()
        self.rng = rng
        self.register_buffer("sigma", torch.as_tensor(sigma))

    def forward(self, x: torch.Tensor, **kwargs: object) -> torch.Tensor:
        sigma = self.sigma.reshape(-1, *(1 for _ in x.shape[1:]))
        return x + sigma * torch.empty_like(x).normal_(generator=self.rng)

    def update_parameters(self, **kwargs: torch.Tensor | float) -> None:
        for name, value in kwargs.items():
            if hasattr(self, name):
                self.register_buffer(name, torch.as_tensor(value))


class ZeroNoise(torch.nn.Module):
    def forward(self, x: torch.Tensor, **kwargs: object) -> torch.Tensor:
        return x


class PoissonNoise(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("gain", torch.tensor(1.0))


class LinearPhysics(torch.nn.Module):
    def __init__(self, noise_model: torch.nn.Module | None = None) -> None:
        super().__init__()
        self.noise_model = noise_model or ZeroNoise()

    def forward(self, x: torch.Tensor, **kwargs: object) -> torch.Tensor:
        return self.noise_model(self.A(x, **kwargs))

    def A(self, x: torch.Tensor, **kwargs: object) -> torch.Tensor:  # noqa: N802 - deepinv's word
        return x

    def A_adjoint(self, y: torch.Tensor, **kwargs: object) -> torch.Tensor:  # noqa: N802 - deepinv's word
        return y

    def A_dagger(self, y: torch.Tensor, **kwargs: object) -> torch.Tensor:  # noqa: N802 - deepinv's word
        return self.A_adjoint(y)

    def update_parameters(self, **kwargs: torch.Tensor) -> None:
        for name, value in kwargs.items():
            if hasattr(self, name):
                self.register_buffer(name, value)


class Inpainting(LinearPhysics):
    def __init__(self, mask: torch.Tensor, noise_model: torch.nn.Module | None = None) -> None:
        super().__init__(noise_model)
        self.register_buffer("mask", mask)

    def forward(self, x: torch.Tensor, **kwargs: object) -> torch.Tensor:
        return self.mask * self.noise_model(self.A(x))

    def A(self, x: torch.Tensor, **kwargs: object) -> torch.Tensor:  # noqa: N802 - deepinv's word
        return self.mask * x

    A_adjoint = A


class Denoising(LinearPhysics):
    pass


def masks(images: int = 6) -> torch.Tensor:
    return (torch.rand(images, 1, 4, 4, generator=torch.Generator().manual_seed(0)) < 0.6).float()


def clean(images: int = 6) -> torch.Tensor:
    return torch.rand(images, 2, 4, 4, generator=torch.Generator().manual_seed(1))


def test_it_meets_the_protocol_and_its_level_is_read() -> None:
    physics = Inpainting(masks(), GaussianNoise(torch.arange(6.0)))
    assert isinstance(physics, Physics)
    assert noise_std_of(physics).tolist() == [0, 1, 2, 3, 4, 5]
    assert noise_std_of(Denoising(GaussianNoise(0.25))) == 0.25
    assert noise_std_of(Denoising()) == 0.0
    assert noise_std_of(Denoising(GaussianNoise(torch.ones(6, 1, 1, 1)))).shape == (6,)


def test_noise_without_a_single_level_is_refused() -> None:
    with pytest.raises(InvalidInput, match="PoissonNoise"):
        noise_std_of(Denoising(PoissonNoise()))


def test_taking_images_leaves_the_original_alone() -> None:
    physics = Inpainting(masks(), GaussianNoise(torch.arange(6.0)))
    taken = take_images(physics, [4, 1, 1], 6)
    assert torch.equal(taken.A(clean()[[4, 1, 1]]), physics.A(clean())[[4, 1, 1]])
    assert noise_std_of(taken).tolist() == [4, 1, 1]
    assert len(physics.mask) == len(physics.noise_model.sigma) == 6


def test_a_generator_inside_is_copied_by_the_clone_that_knows_how() -> None:
    class Cloning(Inpainting):
        def clone(self) -> "Cloning":
            return Cloning(self.mask, GaussianNoise(self.noise_model.sigma, self.noise_model.rng))

    physics = Cloning(masks(), GaussianNoise(0.1, torch.Generator()))
    assert len(take_images(physics, slice(2), 6).mask) == 2


def test_shared_parameters_stay_shared() -> None:
    physics = Inpainting(masks(1), GaussianNoise(0.1))
    assert take_images(physics, [0, 3], 6) is physics
    assert take_images(physics, [0, 0, 0], 1) is physics


def test_its_mask_says_what_is_measured_and_whether_a_prior_can_be_found() -> None:
    seen = measured_entries(Inpainting(masks()), clean())
    assert torch.equal(seen, (masks() > 0).expand(6, 2, 4, 4))
    assert is_identifiable(Inpainting(masks(200)))
    assert "one mask" in unidentifiable_because(Inpainting(masks(1)))
    assert is_identifiable(Denoising(GaussianNoise(1.0)))
    assert "nothing is known here about what LinearPhysics" in unidentifiable_because(LinearPhysics())


def test_its_filter_and_factor_are_looked_at() -> None:
    physics = LinearPhysics()
    physics.register_buffer("filter", torch.full((1, 1, 5, 5), 1 / 25))
    assert "frequencies" in unidentifiable_because(physics)
    physics.factor = 2
    assert "blocks of 2x2" in unidentifiable_because(physics)


def test_observations_are_made_cut_and_kept_with_it(tmp_path) -> None:
    physics = Inpainting(masks(), GaussianNoise(0.1))
    observations = Observations.corrupt(clean(), physics, seed=0)
    noise = (observations.y - physics.A(clean()))[measured_entries(physics, clean())]
    assert float(noise.std()) == pytest.approx(0.1, rel=0.3)
    assert not bool(observations.y[~observations.measured].any())
    assert torch.equal(observations.take([5, 2]).y, observations.y[[5, 2]])
    observations.save(tmp_path)
    again = Observations.load(tmp_path, Inpainting(masks(), GaussianNoise(0.1)))
    assert torch.equal(again.y, observations.y)
    assert again.digest == observations.digest


def test_loading_needs_the_same_physics_again(tmp_path) -> None:
    Observations.corrupt(clean(), Inpainting(masks(), GaussianNoise(0.1)), seed=0).save(tmp_path)
    with pytest.raises(InvalidInput, match="a Inpainting from elsewhere; load with `physics`"):
        Observations.load(tmp_path)
    for other in (Inpainting(masks(), GaussianNoise(0.2)), Inpainting(1 - masks(), GaussianNoise(0.1))):
        with pytest.raises(InvalidInput):
            Observations.load(tmp_path, other)


def test_observations_that_do_not_fit_it_are_refused() -> None:
    with pytest.raises(InvalidInput, match="do not fit Inpainting"):
        Observations(torch.rand(6, 1, 5, 5), Inpainting(masks()))
