"""Training that stops and goes on at every step, batches of stated shares, and an average that warms up."""

import copy

import pytest

torch = pytest.importorskip("torch", reason="the em extra is not installed")

from pydantic import ValidationError  # noqa: E402
from torch import nn  # noqa: E402

from consilience.ground.errors import InvalidInput  # noqa: E402
from consilience.methods.em_diffusion.network import ResidualPerceptron  # noqa: E402
from consilience.methods.em_diffusion.prior import NetworkPrior  # noqa: E402
from consilience.methods.em_diffusion.state import read_state, write_state  # noqa: E402
from consilience.methods.em_diffusion.training import Learner, Pool, Training, cosine, fit_prior  # noqa: E402
from consilience.methods.em_diffusion.workers import Workers  # noqa: E402

SHAPE = (1, 4, 4)
TINY = Training(batch_size=12, memory_steps=20.0)


def untrained(seed: int = 0, *, width: int = 8, dropout: float = 0.0) -> NetworkPrior:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = ResidualPerceptron(*SHAPE, width=width, blocks=1, dropout=dropout)
    return NetworkPrior(network, sigma_data=0.7, mean=-0.2)


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def pool(clean_share: float = 0.25) -> Pool:
    return Pool(reconstructions=draw(20, 2, *SHAPE), clean=draw(5, *SHAPE, seed=1), clean_share=clean_share)


def same_bits(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


class Recorder(nn.Module):
    """A prior that keeps what it is asked to denoise; its loss is that of one number."""

    def __init__(self) -> None:
        super().__init__()
        self.level = nn.Parameter(torch.tensor(0.5))
        self.register_buffer("seen", torch.tensor(0.0))
        self.asked: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = []

    def loss(self, clean: torch.Tensor, noise: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        self.asked.append((clean, noise, sigma))
        self.seen += len(clean)
        return (self.level - clean).square().mean(dim=(1, 2, 3))


@pytest.mark.parametrize("stop", [1, 4, 7])
@pytest.mark.parametrize(
    ("training", "dropout"),
    [(TINY, 0.0), (Training(batch_size=12, flips=True), 0.0), (TINY, 0.3)],
    ids=["plain", "flips", "dropout"],
)
def test_a_learner_put_back_from_disk_goes_on_in_every_bit(tmp_path, stop, training, dropout) -> None:
    whole = Learner(untrained(dropout=dropout), training, seed=3)
    losses = [whole.step(pool(), 1.0 - step / 8) for step in range(8)]
    first = Learner(untrained(dropout=dropout), training, seed=3)
    for step in range(stop):
        first.step(pool(), 1.0 - step / 8)
    write_state(tmp_path / "state", first.state(), {})
    torch.manual_seed(99)
    again = Learner(untrained(seed=5, dropout=dropout), training, seed=4)
    again.restore(read_state(tmp_path / "state")[0])
    assert [again.step(pool(), 1.0 - step / 8) for step in range(stop, 8)] == losses[stop:]
    assert same_bits(again.state(), whole.state())


def test_the_state_holds_everything_that_training_changes() -> None:
    learner = Learner(untrained(), TINY, seed=0)
    before = {name: tensor.clone() for name, tensor in learner.state().items()}
    learner.step(pool())
    after = learner.state()
    trained = {name for name, parameter in untrained().named_parameters() if parameter.requires_grad}
    for name in trained:
        assert f"average/{name}" in after
        assert f"weights/{name}" in after
    assert {name.partition("/")[0] for name in after} == {"weights", "average", "moments", "generator", "steps"}
    assert len([name for name in after if name.startswith("moments/")]) == 3 * len(trained)
    assert not torch.equal(after["generator"], before["generator"])
    assert int(after["steps"]) == 1


def test_dropout_neither_hears_nor_moves_the_global_generator() -> None:
    losses = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        expected = torch.get_rng_state()
        learner = Learner(untrained(dropout=0.5), TINY, seed=0)
        losses.append([learner.step(pool()) for _ in range(3)])
        assert torch.equal(torch.get_rng_state(), expected)
    assert losses[0] == losses[1]
    without = Learner(untrained(), TINY, seed=0)
    assert [without.step(pool()) for _ in range(3)] != losses[0]


def test_dropout_leaves_generators_of_other_devices_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    learner = Learner(untrained(dropout=0.5), TINY, seed=0)
    monkeypatch.setattr(torch.cuda, "manual_seed_all", lambda seed: pytest.fail("every GPU was seeded"))
    learner.step(pool())


def test_dropout_differs_from_step_to_step() -> None:
    class Mask(Recorder):
        def __init__(self) -> None:
            super().__init__()
            self.drop = nn.Dropout(0.5)
            self.masks: list[torch.Tensor] = []

        def loss(self, clean: torch.Tensor, noise: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
            self.masks.append(self.drop(torch.ones(64)))
            return super().loss(clean, noise, sigma)

    learner = Learner(Mask(), TINY, seed=0)
    learner.step(pool())
    learner.step(pool())
    assert not torch.equal(*learner.prior.masks)


def test_the_state_of_another_network_is_refused() -> None:
    learner = Learner(untrained(), TINY, seed=0)
    with pytest.raises(InvalidInput, match="another network"):
        learner.restore(Learner(untrained(width=9), TINY, seed=0).state())


def test_the_average_begins_with_the_weights_and_ends_with_its_memory() -> None:
    learner = Learner(Recorder(), Training(batch_size=4, memory_steps=20.0), seed=0)
    average, images = 0.5, Pool.of(draw(6, *SHAPE))
    for step in range(1, 300):
        learner.step(images)
        share = max(1 / 20, 10 / (10 + step))
        average += share * (learner.prior.level.item() - average)
        assert learner.average.level.item() == pytest.approx(average, abs=1e-5)
        if step == 1:
            moved = abs(learner.prior.level.item() - 0.5)
            assert abs(average - learner.prior.level.item()) < 0.1 * moved
    assert share == 1 / 20
    assert float(learner.average.seen) == float(learner.prior.seen) == 4 * 299


def test_the_average_is_no_part_of_training_and_in_evaluation_mode() -> None:
    learner = Learner(untrained(dropout=0.5), TINY, seed=0)
    learner.step(pool())
    assert not learner.average.training
    assert learner.prior.training
    assert not any(parameter.requires_grad for parameter in learner.average.parameters())


def test_a_restart_keeps_the_random_stream_and_nothing_else() -> None:
    learner = Learner(untrained(), TINY, seed=0)
    for _ in range(5):
        learner.step(pool())
    stream = learner.generator.get_state()
    learner.restart(untrained(seed=1))
    fresh = Learner(untrained(seed=1), TINY, seed=7)
    fresh.generator.set_state(stream)
    assert same_bits(learner.state(), fresh.state())
    assert learner.step(pool()) == fresh.step(pool())
    assert same_bits(learner.state(), fresh.state())


def test_batches_hold_the_stated_share_of_clean_images() -> None:
    learner = Learner(Recorder(), Training(batch_size=12), seed=0)
    clean = torch.full((3, *SHAPE), 9.0)
    for share, count in ((0.0, 0), (0.25, 3), (0.5, 6), (1.0, 12)):
        learner.step(Pool(reconstructions=draw(20, 2, *SHAPE), clean=clean, clean_share=share))
        batch = learner.prior.asked[-1][0]
        assert len(batch) == 12
        assert int((batch == 9.0).all(dim=(1, 2, 3)).sum()) == count


@pytest.mark.parametrize("share", [0.002, 0.3])
def test_a_share_of_less_than_an_image_is_right_in_the_mean(share: float) -> None:
    """Fifty clean images beside many corrupted ones would be none of any batch if the share were rounded."""
    mixed = Pool(reconstructions=torch.zeros(20, 1, *SHAPE), clean=torch.ones(3, *SHAPE), clean_share=share)
    generator, batches = torch.Generator().manual_seed(4), 4000
    counts = torch.tensor([float(mixed.draw(12, generator)[:, 0, 0, 0].sum()) for _ in range(batches)])
    assert set(counts.tolist()) == {float(int(12 * share)), float(int(12 * share) + 1)}
    assert abs(float(counts.mean()) - 12 * share) < 4 * float(counts.std()) / batches**0.5


def test_every_image_of_a_pool_is_drawn_alike() -> None:
    marked = torch.arange(20.0).reshape(10, 2, 1, 1, 1).expand(10, 2, *SHAPE)
    clean = 100 + torch.arange(4.0).reshape(4, 1, 1, 1).expand(4, *SHAPE)
    drawn = Pool(reconstructions=marked, clean=clean, clean_share=0.2).draw(50_000, torch.Generator().manual_seed(0))
    counts = drawn[:, 0, 0, 0].long().bincount(minlength=104)
    assert float((counts[:20] / 2000 - 1).abs().max()) < 0.12
    assert float((counts[100:] / 2500 - 1).abs().max()) < 0.12
    assert int(counts.sum()) == 50_000


def test_what_is_trained_on_are_the_images_in_the_users_scale_and_every_bit() -> None:
    """The published code wrote reconstructions as 8-bit pictures, stretched from least to largest value."""
    images = 300.0 + 1e-3 * draw(8, *SHAPE)
    learner = Learner(Recorder(), TINY, seed=0)
    learner.step(Pool.of(images))
    batch = learner.prior.asked[-1][0]
    for image in batch:
        assert any(torch.equal(image, kept) for kept in images)


def test_noise_and_levels_are_as_stated() -> None:
    learner = Learner(Recorder(), Training(batch_size=20_000, log_level_mean=-1.0, log_level_std=0.5), seed=0)
    learner.step(Pool.of(draw(8, *SHAPE)))
    _, noise, sigma = learner.prior.asked[-1]
    assert float(sigma.log().mean()) == pytest.approx(-1.0, abs=0.02)
    assert float(sigma.log().std()) == pytest.approx(0.5, abs=0.02)
    assert (float(noise.mean()), float(noise.std())) == pytest.approx((0.0, 1.0), abs=0.01)


def test_flips_mirror_half_of_the_images_from_left_to_right() -> None:
    image = torch.arange(16.0).reshape(1, *SHAPE)
    learner = Learner(Recorder(), Training(batch_size=400, flips=True), seed=0)
    learner.step(Pool.of(image))
    batch = learner.prior.asked[-1][0]
    mirrored = [torch.equal(one, image[0].flip(-1)) for one in batch]
    assert all(flipped or torch.equal(one, image[0]) for one, flipped in zip(batch, mirrored, strict=True))
    assert sum(mirrored) == pytest.approx(200, abs=40)
    plain = Learner(Recorder(), Training(batch_size=50), seed=0)
    plain.step(Pool.of(image))
    assert all(torch.equal(one, image[0]) for one in plain.prior.asked[-1][0])


def test_the_rate_scales_the_step_and_long_gradients_are_shortened() -> None:
    slow, fast = (Learner(Recorder(), Training(batch_size=4), seed=0) for _ in range(2))
    for learner, rate in ((slow, 0.1), (fast, 1.0)):
        learner.step(Pool.of(draw(6, *SHAPE)), rate)
    steps = [abs(learner.prior.level.item() - 0.5) for learner in (slow, fast)]
    assert steps[1] / steps[0] == pytest.approx(10.0, rel=1e-3)
    learner = Learner(Recorder(), Training(batch_size=4, largest_gradient=1e-3), seed=0)
    learner.step(Pool.of(1e3 + draw(6, *SHAPE)))
    assert abs(learner.prior.level.grad.item()) == pytest.approx(1e-3, rel=1e-3)


def test_processes_share_a_batch_and_their_gradients_add_up_to_one_process_s() -> None:
    alone = Learner(untrained(), TINY, seed=0)
    alone.step(pool())
    gradients = [torch.zeros_like(parameter) for parameter in alone.prior.parameters()]

    class Counted(Workers):
        def add_gradients(self, parameters) -> None:
            for total, parameter in zip(gradients, parameters, strict=True):
                total.add_(parameter.grad)

    for rank in range(3):
        Learner(untrained(), TINY, seed=0, workers=Counted(rank=rank, count=3)).step(pool())
    stand_in = [nn.Parameter(torch.zeros_like(total)) for total in gradients]
    for parameter, total in zip(stand_in, gradients, strict=True):
        parameter.grad = total
    nn.utils.clip_grad_norm_(stand_in, TINY.largest_gradient)
    for parameter, shared in zip(alone.prior.parameters(), stand_in, strict=True):
        assert torch.allclose(parameter.grad, shared.grad, rtol=0, atol=1e-6)


def test_fitting_learns_and_repeats_itself() -> None:
    images = 0.5 * draw(1, *SHAPE) + 0.1 * draw(60, *SHAPE, seed=1)
    told: list[int] = []
    fit = [
        fit_prior(untrained(), images, TINY, steps=150, seed=2, progress=lambda step, loss: told.append(step))
        for _ in range(2)
    ]
    assert told == 2 * list(range(150))
    assert same_bits(fit[0].state_dict(), fit[1].state_dict())
    assert not fit[0].training
    noisy, sigma = images + draw(60, *SHAPE, seed=3), torch.ones(60)
    with torch.no_grad():
        before, after = ((p(noisy, sigma) - images).square().mean() for p in (untrained(), fit[0]))
    assert float(after) < 0.5 * float(before)


def test_a_cosine_falls_from_one_to_zero_and_stays_within() -> None:
    rates = [cosine(place / 10) for place in range(-2, 13)]
    assert rates == sorted(rates, reverse=True)
    assert (rates[0], rates[-1]) == (1.0, 0.0)


@pytest.mark.parametrize(
    "bad", [{"batch_size": 0}, {"learning_rate": 0.0}, {"memory_steps": -1.0}, {"log_level_std": 0.0}, {"batch": 3}]
)
def test_settings_that_cannot_be_are_refused(bad) -> None:
    with pytest.raises(ValidationError):
        Training(**bad)


def test_a_learner_trains_the_prior_it_is_given() -> None:
    prior = untrained()
    before = copy.deepcopy(prior.state_dict())
    learner = Learner(prior, TINY, seed=0)
    learner.step(pool())
    assert learner.prior is prior
    assert not same_bits(prior.state_dict(), before)
