"""The perceptron: silent at first, one image at a time, aware of its label and its condition."""

import pytest

torch = pytest.importorskip("torch", reason="the em extra is not installed")

from consilience.methods.em_diffusion.network import ResidualPerceptron  # noqa: E402


def images(count: int = 5, channels: int = 1) -> torch.Tensor:
    return torch.randn(count, channels, 4, 3, generator=torch.Generator().manual_seed(0))


def stirred(**options: object) -> ResidualPerceptron:
    """Return a network whose every weight has moved from where it starts."""
    network = ResidualPerceptron(1, 4, 3, width=16, blocks=2, **options)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator))
    return network


def test_it_starts_silent_so_that_a_prior_starts_as_the_best_linear_one() -> None:
    assert not ResidualPerceptron(1, 4, 3, width=16)(images(), torch.zeros(5)).any()


def test_the_label_changes_the_output() -> None:
    network = stirred()
    near, far = network(images(), torch.zeros(5)), network(images(), torch.ones(5))
    assert float((near - far).detach().abs().max()) > 0.01


def test_labels_of_near_noise_levels_are_told_apart() -> None:
    network = stirred()
    near, far = network(images(), torch.zeros(5)), network(images(), torch.full((5,), 0.02))
    assert float((near - far).detach().abs().max()) > 1e-3


def test_an_image_does_not_depend_on_its_batch() -> None:
    # Double precision: products of other sizes round differently, and that is not what is tested.
    network, given, label = stirred().double(), images().double(), torch.linspace(-1, 1, 5).double()
    together = network(given, label)
    alone = torch.cat([network(given[i : i + 1], label[i : i + 1]) for i in range(5)])
    assert torch.allclose(together, alone, atol=1e-12, rtol=1e-12)


def test_a_condition_is_read_and_not_predicted() -> None:
    network = stirred(condition_channels=1)
    seen = images(channels=2)
    found = network(seen, torch.zeros(5))
    assert found.shape == (5, 1, 4, 3)
    changed = seen.clone()
    changed[:, 1] += 1.0
    assert float((network(changed, torch.zeros(5)) - found).detach().abs().max()) > 0.01


def test_units_are_dropped_in_training_only() -> None:
    network = stirred(dropout=0.5)
    assert not torch.equal(network(images(), torch.zeros(5)), network(images(), torch.zeros(5)))
    network.eval()
    assert torch.equal(network(images(), torch.zeros(5)), network(images(), torch.zeros(5)))


def test_every_weight_learns() -> None:
    network = stirred()
    network(images(), torch.linspace(-1, 1, 5)).square().sum().backward()
    assert all(float(parameter.grad.abs().max()) > 0 for parameter in network.parameters())
