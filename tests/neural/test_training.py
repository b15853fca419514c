"""The training loop against Adam by hand, its schedules, and what it refuses to go on with."""

import math

import pytest
from jaxtyping import TypeCheckError

torch = pytest.importorskip("torch", reason="the torch extra is not installed")

from torch import nn  # noqa: E402

from consilience.ground import InvalidInput, UnknownName  # noqa: E402
from consilience.neural.training import rate, train  # noqa: E402
from consilience.neural.weights import initialised  # noqa: E402


def noisy_loss(model: nn.Module, seed: int):
    generator = torch.Generator().manual_seed(seed)

    def loss(_step: int) -> torch.Tensor:
        x = torch.randn(16, 2, generator=generator)
        return (model(x)[:, 0] - x.sum(dim=1)).square().mean()

    return loss


def test_the_first_step_of_adam_has_the_length_of_the_learning_rate() -> None:
    place = torch.tensor([3.0, -2.0], requires_grad=True)
    train(
        [place],
        lambda step: (place * torch.tensor([5.0, 0.1])).sum(),
        steps=1,
        learning_rate=0.25,
        schedule="constant",
        clip=None,
    )
    torch.testing.assert_close(place.detach(), torch.tensor([2.75, -2.25]))


def test_it_learns_and_repeats_itself_bit_by_bit() -> None:
    runs = []
    for _ in range(2):
        model = initialised(0, lambda: nn.Linear(2, 1))
        losses = train(model, noisy_loss(model, 1), steps=300, learning_rate=0.05)
        runs.append((losses, model.weight.detach().clone()))
    assert runs[0][0] == runs[1][0]
    assert torch.equal(runs[0][1], runs[1][1])
    torch.testing.assert_close(runs[0][1], torch.ones(1, 2), atol=1e-2, rtol=0)


def test_the_global_generator_is_left_alone() -> None:
    model = initialised(0, lambda: nn.Linear(2, 1))
    before = torch.random.get_rng_state()
    train(model, noisy_loss(model, 1), steps=2, learning_rate=0.1)
    assert torch.equal(before, torch.random.get_rng_state())


def test_long_gradients_are_shortened() -> None:
    place = torch.tensor([0.0], requires_grad=True)
    train([place], lambda step: 100.0 * place.sum(), steps=1, learning_rate=0.1, clip=0.5)
    torch.testing.assert_close(place.grad, torch.tensor([0.5]), atol=1e-4, rtol=0)


def test_progress_is_told_every_step_and_the_loss_of_it() -> None:
    place, told = torch.tensor([1.0], requires_grad=True), []
    losses = train(
        [place], lambda step: place.sum() + step, steps=3, learning_rate=0.1, progress=lambda *seen: told.append(seen)
    )
    assert told == list(enumerate(losses))


def test_schedules_begin_and_end_where_they_should() -> None:
    assert [rate("constant", place) for place in (0.0, 1.0)] == [1.0, 1.0]
    assert rate("cosine", 0.0) == 1.0
    assert rate("cosine", 1.0) == rate("one_cycle", 1.0) == pytest.approx(0.0)
    assert rate("one_cycle", 0.1) == 1.0
    assert rate("one_cycle", 0.0) < 0.1


def test_it_stops_at_a_loss_that_is_no_number_and_names_the_step() -> None:
    place = torch.tensor([1.0], requires_grad=True)
    with pytest.raises(InvalidInput, match="loss is nan at step 2"):
        train([place], lambda step: place.sum() * (float("nan") if step == 2 else 1.0), steps=5, learning_rate=0.1)


@pytest.mark.parametrize(
    "wrong", [{"steps": 0}, {"learning_rate": 0.0}, {"learning_rate": math.nan}, {"clip": 0.0}, {"clip": -1.0}]
)
def test_bad_settings_are_refused(wrong) -> None:
    place = torch.tensor([1.0], requires_grad=True)
    with pytest.raises(InvalidInput, match="`steps` must be at least 1, `learning_rate` above 0"):
        train([place], lambda step: place.sum(), **{"steps": 1, "learning_rate": 0.1, **wrong})


def test_there_must_be_something_to_train() -> None:
    with pytest.raises(InvalidInput, match="nothing to train"):
        train([], lambda step: torch.tensor(float(step)), steps=1, learning_rate=0.1)


def test_an_unknown_schedule_is_refused() -> None:
    with pytest.raises((UnknownName, TypeCheckError), match="cosin"):
        rate("cosin", 0.5)
