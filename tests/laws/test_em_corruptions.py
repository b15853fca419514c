"""Equations that every corruption obeys; a new one joins the list `CORRUPTIONS` and is held to all of them."""

import pytest

torch = pytest.importorskip("torch", reason="the em extra is not installed")

from consilience.methods.em_diffusion.corruption import (  # noqa: E402
    Blur,
    Composition,
    Denoising,
    Downsampling,
    Inpainting,
    RandomProjection,
    is_identifiable,
    measured_entries,
    noise_std_of,
    restored,
)

IMAGES, SHAPE = 64, (2, 12, 8)


def levels() -> torch.Tensor:
    return torch.linspace(0.1, 1.0, IMAGES)


def kernels() -> torch.Tensor:
    return torch.rand(IMAGES, 2, 3, 5, generator=torch.Generator().manual_seed(1))


CORRUPTIONS = {
    "denoising": lambda: Denoising(noise_std=0.5),
    "denoising, a level an image": lambda: Denoising(noise_std=levels()),
    "random masks": lambda: Inpainting.random(IMAGES, SHAPE, 0.4, seed=0, noise_std=levels()),
    "random masks of channels": lambda: Inpainting.random(IMAGES, SHAPE, 0.4, seed=0, per_channel=True, noise_std=0.3),
    "boxes": lambda: Inpainting.box(IMAGES, SHAPE, (5, 4), seed=0, noise_std=0.2),
    "one mask": lambda: Inpainting(torch.arange(96).reshape(12, 8) % 3 > 0, noise_std=0.2),
    "gaussian blur": lambda: Blur.gaussian(1.0, 5, noise_std=0.1),
    "gaussian blur, a width an image": lambda: Blur.gaussian(levels(), 5, noise_std=levels()),
    "gaussian blur, circular": lambda: Blur.gaussian(0.7, 5, padding="circular", noise_std=0.1),
    "motion blur": lambda: Blur.motion(4.0, 30.0, noise_std=0.1),
    "motion blur, an angle an image": lambda: Blur.motion(4.0, 180 * levels(), padding="circular", noise_std=0.1),
    "blur by channel": lambda: Blur(kernels()[:1], noise_std=0.1),
    "blur by channel, circular": lambda: Blur(kernels()[:1], padding="circular", noise_std=0.1),
    "a kernel an image": lambda: Blur(kernels(), noise_std=0.1),
    "a kernel an image, circular": lambda: Blur(kernels(), padding="circular", noise_std=0.1),
    "kernel larger than the image": lambda: Blur.gaussian(3.0, 15, noise_std=0.1),
    "downsampling": lambda: Downsampling(4, noise_std=0.1),
    "projection": lambda: RandomProjection.random(1, SHAPE, 20, seed=0, noise_std=0.1),
    "projection to more numbers than pixels": lambda: RandomProjection.random(1, SHAPE, 300, seed=0, noise_std=0.1),
    "a projection an image": lambda: RandomProjection.random(IMAGES, SHAPE, 20, seed=0, noise_std=levels()),
    "blurred, then fewer pixels": lambda: Composition(Downsampling(2, noise_std=0.1), Blur.gaussian(1.0, 3)),
    "blurred, then masked": lambda: Composition(
        Inpainting.random(IMAGES, SHAPE, 0.5, seed=0), Blur(kernels()), noise_std=levels()
    ),
    "masked, then projected": lambda: Composition(
        RandomProjection.random(1, SHAPE, 20, seed=0, noise_std=0.2), Inpainting.random(IMAGES, SHAPE, 0.5, seed=0)
    ),
}

every_corruption = pytest.mark.parametrize("name", CORRUPTIONS)
every_inverse = pytest.mark.parametrize("name", [name for name, make in CORRUPTIONS.items() if make().has_dagger])
precisions = pytest.mark.parametrize(
    ("dtype", "bound"), [(torch.float32, 1e-5), (torch.float64, 1e-12)], ids=["float32", "float64"]
)


def images(dtype: torch.dtype = torch.float64, seed: int = 0) -> torch.Tensor:
    return torch.randn(IMAGES, *SHAPE, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def like(y: torch.Tensor, seed: int = 1) -> torch.Tensor:
    return torch.randn(y.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(y)


def difference(a: torch.Tensor, b: torch.Tensor) -> float:
    """Largest distance of two batches, relative to the larger image of each pair."""
    a, b = a.flatten(1).double(), b.flatten(1).double()
    return float(((a - b).norm(dim=1) / torch.maximum(a.norm(dim=1), b.norm(dim=1)).clamp(min=1e-300)).max())


@every_corruption
@precisions
def test_the_adjoint_moves_the_operator_to_the_other_side(name, dtype, bound) -> None:
    physics, x = CORRUPTIONS[name](), images(dtype)
    Ax = physics.A(x)
    y = like(Ax)
    left, right = (Ax * y).flatten(1).sum(dim=1), (x * physics.A_adjoint(y)).flatten(1).sum(dim=1)
    scale = Ax.flatten(1).norm(dim=1) * y.flatten(1).norm(dim=1)
    assert float(((left - right).abs() / scale).max()) < bound
    assert physics.A_adjoint(y).shape == x.shape
    assert physics.A_adjoint(y).dtype == Ax.dtype == dtype


@every_inverse
@pytest.mark.parametrize(("dtype", "bound"), [(torch.float32, 1e-4), (torch.float64, 1e-11)], ids=["single", "double"])
def test_the_pseudo_inverse_obeys_the_equations_of_penrose(name, dtype, bound) -> None:
    physics, x = CORRUPTIONS[name](), images(dtype)
    A, dagger = physics.A, physics.A_dagger
    Ax = A(x)
    y, z = like(Ax), like(x, 2)
    assert difference(A(dagger(Ax)), Ax) < bound
    assert difference(dagger(A(dagger(y))), dagger(y)) < bound
    # Both products are symmetric; sizes differ widely, so compare with those of the factors.
    for product, a, b in ((lambda v: A(dagger(v)), y, like(Ax, 3)), (lambda v: dagger(A(v)), x, z)):
        gap = (product(a) * b - a * product(b)).flatten(1).sum(dim=1).abs()
        assert float((gap / (a.flatten(1).norm(dim=1) * b.flatten(1).norm(dim=1))).max()) < bound


@every_corruption
@precisions
def test_the_operator_is_linear(name, dtype, bound) -> None:
    physics, x, z = CORRUPTIONS[name](), images(dtype), images(dtype, 5)
    assert difference(physics.A(2 * x - 3 * z), 2 * physics.A(x) - 3 * physics.A(z)) < bound


@every_corruption
def test_an_image_alone_is_corrupted_as_in_a_batch(name) -> None:
    """Also: parameters that differ per image are what a loop over the images applies."""
    physics, x = CORRUPTIONS[name](), images(torch.float32)
    y = like(physics.A(x))
    single = [physics.take([row]) for row in range(IMAGES)]
    assert difference(torch.cat([p.A(x[r : r + 1]) for r, p in enumerate(single)]), physics.A(x)) < 1e-5
    assert difference(torch.cat([p.A_adjoint(y[r : r + 1]) for r, p in enumerate(single)]), physics.A_adjoint(y)) < 1e-5


@every_corruption
@pytest.mark.parametrize(
    "rows", [[3, 1, 1, 60], slice(5, 9), torch.tensor([63, 0])], ids=["repeats", "slice", "tensor"]
)
def test_taking_images_commutes_with_corrupting_them(name, rows) -> None:
    physics, x = CORRUPTIONS[name](), images()
    assert difference(physics.take(rows).A(x[rows]), physics.A(x)[rows]) < 1e-12
    y = physics.A(x)
    noise = like(y)
    taken = physics.take(rows).with_noise(y[rows], noise[rows])
    assert difference(taken, physics.with_noise(y, noise)[rows]) < 1e-12


@every_corruption
def test_the_shape_of_a_measurement_is_known_before_it_is_made(name) -> None:
    physics = CORRUPTIONS[name]()
    assert tuple(physics.A(images()).shape[1:]) == physics.shape_of_measurement(SHAPE)


@every_corruption
def test_noise_is_gaussian_of_the_stated_level_where_something_is_measured(name) -> None:
    physics, x = CORRUPTIONS[name](), images()
    generator = torch.Generator().manual_seed(0)
    clean = physics.A(x)
    noise = torch.stack([physics(x, generator) - clean for _ in range(100)])
    seen = measured_entries(physics, clean)
    assert not bool(noise[:, ~seen].any())
    level = torch.as_tensor(noise_std_of(physics), dtype=torch.float64).expand(IMAGES)
    for row in range(0, IMAGES, 9):
        drawn = noise[:, row][:, seen[row]].flatten() / level[row]
        count = len(drawn)
        assert abs(float(drawn.mean())) < 5 / count**0.5
        assert abs(float(drawn.var()) - 1) < 5 * (2 / count) ** 0.5
        assert abs(float((drawn**4).mean()) - 3) < 5 * (96 / count) ** 0.5


@every_corruption
def test_the_same_generator_gives_the_same_measurement(name) -> None:
    physics, x = CORRUPTIONS[name](), images(torch.float32)
    first, again, other = (physics(x, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@every_corruption
def test_name_parameters_and_settings_are_all_there_is(name) -> None:
    physics, x = CORRUPTIONS[name](), images()
    again = restored(type(physics).__name__, physics.parameters(), physics.settings(), physics.noise_std)
    generators = [torch.Generator().manual_seed(4) for _ in range(2)]
    assert torch.equal(again(x, generators[0]), physics(x, generators[1]))
    assert is_identifiable(again) == is_identifiable(physics)


@every_corruption
def test_gradients_flow_back_as_the_adjoint(name) -> None:
    physics, x = CORRUPTIONS[name](), images().requires_grad_()
    Ax = physics.A(x)
    y = like(Ax)
    (gradient,) = torch.autograd.grad((Ax * y).sum(), x)
    assert difference(gradient, physics.A_adjoint(y)) < 1e-12
