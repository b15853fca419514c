"""Blur against SciPy's convolution, kernels against their definitions, and what is refused."""

import math

import numpy as np
import pytest
from scipy.signal import convolve2d

torch = pytest.importorskip("torch", reason="the em extra is not installed")

from consilience.ground.errors import InvalidInput  # noqa: E402
from consilience.methods.em_diffusion.blur import Blur  # noqa: E402


@pytest.mark.parametrize(("padding", "boundary"), [("zero", "fill"), ("circular", "wrap")])
@pytest.mark.parametrize("shape", [(1, 1, 3, 5), (1, 2, 3, 5), (4, 1, 5, 1), (4, 2, 7, 7)])
def test_it_is_the_convolution_of_scipy(padding, boundary, shape) -> None:
    generator = torch.Generator().manual_seed(0)
    kernel = torch.rand(*shape, generator=generator, dtype=torch.float64)
    x = torch.rand(4, 2, 9, 8, generator=generator, dtype=torch.float64)
    y = Blur(kernel, padding=padding).A(x)
    each = kernel.expand(4, 2, *shape[2:])
    for image in range(4):
        for channel in range(2):
            expected = convolve2d(x[image, channel], each[image, channel], mode="same", boundary=boundary)
            np.testing.assert_allclose(y[image, channel], expected, rtol=1e-12, atol=1e-13)


def test_a_gaussian_kernel_has_the_stated_width_and_sums_to_one() -> None:
    kernel = Blur.gaussian(1.5).kernel[0, 0]
    assert kernel.shape == (11, 11)
    offsets = torch.arange(-5.0, 6.0, dtype=torch.float64)
    assert float(kernel.sum()) == pytest.approx(1)
    assert float((kernel.sum(dim=0) * offsets**2).sum()) == pytest.approx(1.5**2, rel=0.02)
    assert float(kernel[5, 6] / kernel[5, 5]) == pytest.approx(math.exp(-0.5 / 1.5**2))


def test_gaussian_widths_may_differ_by_image() -> None:
    kernels = Blur.gaussian(torch.tensor([0.5, 1.0]), 5).kernel
    assert kernels.shape == (2, 1, 5, 5)
    assert torch.allclose(kernels[1], Blur.gaussian(1.0, 5).kernel[0])


@pytest.mark.parametrize(
    ("angle", "pixels"),
    [(0, [(2, c) for c in range(5)]), (90, [(r, 2) for r in range(5)]), (45, [(1, 3), (2, 2), (3, 1)])],
)
def test_motion_runs_along_its_angle(angle, pixels) -> None:
    kernel = Blur.motion(5.0, angle).kernel[0, 0]
    assert kernel.shape == (5, 5)
    assert float(kernel.sum()) == pytest.approx(1)
    strongest = {tuple(divmod(int(i), 5)) for i in kernel.flatten().argsort(descending=True)[: len(pixels)]}
    assert strongest == set(pixels)


def test_motion_of_one_pixel_is_none_and_angles_may_differ_by_image() -> None:
    assert Blur.motion(1.0, 33.0).kernel.tolist() == [[[[1.0]]]]
    assert Blur.motion(3.0, torch.tensor([0.0, 60.0, 90.0])).kernel.shape == (3, 1, 3, 3)
    opposite = Blur.motion(4.0, torch.tensor([20.0, 200.0])).kernel
    assert torch.allclose(opposite[0], opposite[1])


def test_an_invertible_circular_blur_is_undone() -> None:
    x = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    physics = Blur.gaussian(0.5, 3, padding="circular")
    assert torch.allclose(physics.A_dagger(physics.A(x)), x, rtol=0, atol=1e-12)


def test_zero_padding_has_no_pseudo_inverse_and_says_what_to_do() -> None:
    physics = Blur.gaussian(1.0, 3)
    assert not physics.has_dagger
    with pytest.raises(InvalidInput, match="use A_adjoint"):
        physics.A_dagger(torch.zeros(1, 1, 8, 8))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Blur.gaussian(1.0, 4), "odd side.*got 4: use 5"),
        (lambda: Blur(torch.ones(3, 2)), "odd side.*got 2: use 3"),
        (lambda: Blur.gaussian(0.0), "`std`"),
        (lambda: Blur.gaussian(torch.tensor([1.0, -1.0])), "`std`"),
        (lambda: Blur.gaussian(float("nan")), "`std`"),
        (lambda: Blur.motion(0.5, 0.0), "`length`"),
        (lambda: Blur.motion(float("inf"), 0.0), "`length`"),
        (lambda: Blur.motion(2.0, float("nan")), "`angle_deg`"),
        (lambda: Blur(torch.zeros(3, 3)), "not all zero"),
        (lambda: Blur(torch.full((3, 3), float("nan"))), "finite"),
        (lambda: Blur(torch.ones(2, 3, 3)), r"got \(2, 3, 3\)"),
        (lambda: Blur(torch.ones(3, 3, dtype=torch.int64)), "int64"),
    ],
)
def test_what_is_no_kernel_is_refused(make, message) -> None:
    with pytest.raises(InvalidInput, match=message):
        make()


def test_a_kernel_that_does_not_fit_the_images_names_both() -> None:
    with pytest.raises(InvalidInput, match=r"4x8 pixels; got 5x5"):
        Blur.gaussian(1.0, 5, padding="circular").A(torch.zeros(1, 1, 4, 8))
    with pytest.raises(InvalidInput, match=r"those of the images, 1; got 3"):
        Blur(torch.ones(1, 3, 3, 3)).A(torch.zeros(1, 1, 8, 8))


def test_frequencies_that_no_kernel_passes_are_found() -> None:
    assert Blur.gaussian(0.5, 3).unidentifiable_because() is None
    assert "of the frequencies" in Blur.gaussian(2.0, 9).unidentifiable_because()
    across, down = torch.zeros(1, 1, 3, 3), torch.zeros(1, 1, 3, 3)
    across[0, 0, 1], down[0, 0, :, 1] = 1 / 3, 1 / 3
    lost_by_one, lost_by_both = Blur(across).lost_frequencies(), Blur(torch.cat([across, down])).lost_frequencies()
    # Each loses lines of frequencies; between them, only where the lines cross.
    assert 0 < lost_by_both < 0.1 * lost_by_one
    assert "of the frequencies" in Blur(across).unidentifiable_because()
