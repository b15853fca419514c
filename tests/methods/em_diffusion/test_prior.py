"""Preconditioning: what the network sees and is asked for, at every noise level."""

import pytest

torch = pytest.importorskip("torch", reason="the em extra is not installed")

from torch import nn  # noqa: E402

from consilience.ground.errors import InvalidInput  # noqa: E402
from consilience.methods.em_diffusion.prior import Conditioned, Denoiser, NetworkPrior  # noqa: E402

SHAPE = (1, 3, 3)


class Seen(nn.Module):
    """Returns a constant, and remembers what it was given."""

    def __init__(self, value: float = 0.0) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.tensor(value))

    def forward(self, images: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        self.images, self.label = images, label
        return self.value.expand(len(images), *SHAPE)


def draw(seed: int, images: int = 4000) -> torch.Tensor:
    return torch.randn(images, *SHAPE, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("sigma", [0.01, 0.5, 20.0])
def test_the_network_sees_unit_variance_and_has_targets_of_unit_variance(sigma) -> None:
    network = Seen()
    prior = NetworkPrior(network, sigma_data=0.5, mean=-0.4)
    clean, noise, levels = -0.4 + 0.5 * draw(0), draw(1), torch.full((4000,), sigma)
    losses = prior.loss(clean, noise, levels).detach()
    assert float(network.images.var()) == pytest.approx(1.0, abs=0.05)
    assert float(network.images.mean()) == pytest.approx(0.0, abs=0.05)
    assert torch.allclose(network.label, torch.log(levels) / 4)
    # A network that says zero is wrong by the variance of its target.
    assert float(losses.mean()) == pytest.approx(1.0, abs=0.05)


def test_a_silent_network_gives_the_best_denoiser_of_white_images() -> None:
    prior, noisy = NetworkPrior(Seen(), sigma_data=0.5, mean=1.0), draw(2, 3)
    found = prior(noisy, torch.tensor([0.1, 0.5, 9.0]))
    gain = torch.tensor([0.25 / (0.25 + s**2) for s in (0.1, 0.5, 9.0)]).reshape(-1, 1, 1, 1)
    assert torch.allclose(found, 1.0 + gain * (noisy - 1.0), atol=1e-6)


def test_without_noise_the_image_is_returned() -> None:
    noisy = draw(2, 3)
    found = NetworkPrior(Seen(5.0), sigma_data=0.5)(noisy, torch.full((3,), 1e-6))
    assert torch.allclose(found, noisy, atol=1e-4)


def test_the_loss_is_one_number_an_image_and_reaches_the_network() -> None:
    network = Seen(0.1)
    losses = NetworkPrior(network, sigma_data=0.5).loss(draw(0, 4), draw(1, 4), torch.rand(4) + 0.1)
    assert losses.shape == (4,)
    losses.sum().backward()
    assert network.value.grad is not None
    assert float(network.value.grad) != 0.0


def test_a_condition_goes_to_the_network_as_it_is() -> None:
    network, known = Seen(), draw(3, 2)
    prior = NetworkPrior(network, sigma_data=0.5, mean=0.3)
    conditioned = Conditioned(prior, known)
    assert isinstance(conditioned, Denoiser)
    conditioned(draw(2, 2), torch.ones(2))
    assert network.images.shape == (2, 2, 3, 3)
    assert torch.equal(network.images[:, 1:], known)


def test_scale_and_mean_are_saved_with_the_network() -> None:
    saved = NetworkPrior(Seen(0.2), sigma_data=0.5, mean=-0.4).state_dict()
    other = NetworkPrior(Seen(), sigma_data=1.0)
    other.load_state_dict(saved)
    assert (float(other.sigma_data), float(other.mean)) == pytest.approx((0.5, -0.4))


@pytest.mark.parametrize("sigma_data", [0.0, -1.0, float("nan")])
def test_a_scale_that_is_not_positive_is_refused(sigma_data) -> None:
    with pytest.raises(InvalidInput, match="constant"):
        NetworkPrior(Seen(), sigma_data=sigma_data)
