"""The EM loop: what goes on where it was cut off, what is fixed from round to round, and when phases and runs end."""

import copy
import json
from collections.abc import Callable
from itertools import count, groupby
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the em extra is not installed")

from pydantic import ValidationError  # noqa: E402

from consilience.ground.errors import InvalidInput  # noqa: E402
from consilience.methods.em_diffusion import em as module  # noqa: E402
from consilience.methods.em_diffusion.corruption import Denoising, Inpainting  # noqa: E402
from consilience.methods.em_diffusion.em import EM, Progress, Round, Rounds  # noqa: E402
from consilience.methods.em_diffusion.gaussian_em import fit_gaussian_em  # noqa: E402
from consilience.methods.em_diffusion.held_out import HeldOut  # noqa: E402
from consilience.methods.em_diffusion.network import ResidualPerceptron  # noqa: E402
from consilience.methods.em_diffusion.observation import Observations  # noqa: E402
from consilience.methods.em_diffusion.prior import NetworkPrior  # noqa: E402
from consilience.methods.em_diffusion.quality import data_residual  # noqa: E402
from consilience.methods.em_diffusion.sampling import Sampling  # noqa: E402
from consilience.methods.em_diffusion.training import Training  # noqa: E402
from consilience.methods.em_diffusion.workers import Workers  # noqa: E402

SHAPE, IMAGES = (1, 4, 4), 9
TRAINING = Training(batch_size=8, memory_steps=10.0)
SAMPLING = Sampling(steps=3, corrections=1, high=5.0)


class Killed(BaseException):
    """Stands for ctrl-C at a certain event."""


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def images(number: int, seed: int = 0) -> torch.Tensor:
    """Return images that are smooth, so that hidden pixels can be told from visible ones."""
    return (draw(number, 1, 4, 1, seed=seed) + draw(number, 1, 1, 4, seed=seed + 1)) / 2 - 0.3


def observed() -> Observations:
    masks = Inpainting.random(IMAGES, SHAPE, 0.6, seed=1, noise_std=0.1)
    return Observations.corrupt(images(IMAGES), masks, seed=0)


def untrained(seed: int = 0, *, dropout: float = 0.0) -> NetworkPrior:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = ResidualPerceptron(*SHAPE, width=8, blocks=1, dropout=dropout)
    return NetworkPrior(network, sigma_data=0.7, mean=-0.3)


def run_of(folder: Path, *, prior: torch.nn.Module | None = None, clean: int = 3, **settings) -> EM:
    given = {"sampling": SAMPLING, "training": TRAINING, "anew": untrained, "report": None, "workers": None}
    arguments = {name: settings.pop(name, usual) for name, usual in given.items()}
    rounds = Rounds(**{"rounds": 2, "steps": 4, **settings})
    start = untrained() if prior is None else prior
    known = images(clean, seed=50) if clean else None
    return EM(start, observed(), known, rounds=rounds, folder=folder, **arguments)


def everything(em: EM) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in em.learner.state().items()}


def assert_same_bits(first: EM, second: EM) -> None:
    left, right = everything(first), everything(second)
    assert left.keys() == right.keys()
    assert [name for name in left if not torch.equal(left[name], right[name])] == []
    assert first.history == second.history


def killing_at(event: Progress, told: list[Progress]) -> Callable[[Progress], None]:
    def report(progress: Progress) -> None:
        told.append(progress)
        if progress == event:
            raise Killed

    return report


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Save after every step and every few samples."""
    monkeypatch.setattr(module, "SAVE_EVERY_S", 0.0)
    monkeypatch.setattr(module, "PART_IMAGES", 4)


VARIANTS = {
    "warm": {},
    "polish": {"rounds": 1, "polish": 5},
    "refreshes": {"refreshes": 3, "steps": 7},
    "reset": {"phase": "reset", "refreshes": 2},
    "part of the observations": {"subset": 0.5, "rounds": 3},
    "from a gaussian": {"start": "gaussian", "samples": 3},
    "auto": {"phase": "auto", "patience": 1, "gain": 1.0, "rounds": 9, "steps": 2},
    "stops early, then polishes": {"patience": 1, "gain": 1.0, "rounds": 9, "steps": 2, "polish": 3},
    "dropout and flips": {"prior": untrained(dropout=0.4), "training": Training(batch_size=8, flips=True)},
    "no clean images": {"clean": 0, "samples": 1},
}


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_run_killed_again_and_again_ends_with_the_bits_of_one_that_was_not(tmp_path, variant) -> None:
    settings, events = VARIANTS[variant], []
    whole = run_of(tmp_path / "whole", report=events.append, **settings)
    whole.run()
    steps = {stage: [event for event in events if event.stage == stage] for stage in ("E", "M")}
    spots = {events.index(event) for event in (steps["E"][1], steps["M"][1], steps["E"][-1])}
    for number, place in enumerate(sorted(spots | {len(events) // 2, len(events) - 1})):
        told: list[Progress] = []
        torch.manual_seed(number)
        with pytest.raises(Killed):
            run_of(tmp_path / "cut", report=killing_at(events[place], told), **settings).run()
        assert told[-1] == events[place]
        assert [event for event in told if event not in events] == []
    resumed = run_of(tmp_path / "cut", **settings)
    resumed.run()
    assert_same_bits(resumed, whole)


@pytest.mark.parametrize("spot", [3, 6, 8])
def test_without_a_save_in_time_a_step_is_done_again_and_ends_the_same(tmp_path, spot) -> None:
    events: list[Progress] = []
    whole = run_of(tmp_path / "whole", report=events.append, phase="reset")
    whole.run()
    with pytest.raises(Killed):
        run_of(tmp_path / "cut", report=killing_at(events[spot], []), phase="reset").run()
    resumed = run_of(tmp_path / "cut", phase="reset")
    resumed.run()
    assert_same_bits(resumed, whole)


@pytest.mark.usefixtures("small_parts")
def test_what_was_sampled_before_the_kill_is_not_sampled_again(tmp_path, monkeypatch) -> None:
    events: list[Progress] = []
    run_of(tmp_path / "whole", report=events.append).run()
    restored: list[list[int]] = []
    restore = Sampling.restore

    def recorded(self, prior, observations, **further):
        if "names" in further:
            restored.append(list(further["names"]))
        return restore(self, prior, observations, **further)

    monkeypatch.setattr(Sampling, "restore", recorded)
    with pytest.raises(Killed):
        run_of(tmp_path / "cut", report=killing_at(events[1], [])).run()
    with pytest.raises(Killed):
        run_of(tmp_path / "cut", report=killing_at(events[7], [])).run()
    assert events[7].stage == "M"
    assert restored == [[0, 1], [2, 3], [4, 5], [6, 7], [8]]
    restored.clear()
    resumed = run_of(tmp_path / "cut", rounds=2)
    resumed.run()
    assert restored == [[0, 1], [2, 3], [4, 5], [6, 7], [8]]


@pytest.mark.usefixtures("small_parts")
def test_parts_of_other_rows_are_not_taken_for_these(tmp_path, monkeypatch) -> None:
    """As after an upgrade that cuts the observations otherwise."""
    whole, events = run_of(tmp_path / "whole"), []
    whole.run()
    with pytest.raises(Killed):
        run_of(tmp_path / "cut", report=lambda _: (_ for _ in ()).throw(Killed)).run()
    monkeypatch.setattr(module, "PART_IMAGES", 6)
    resumed = run_of(tmp_path / "cut", report=events.append)
    resumed.run()
    assert [event.done for event in events[:3]] == [3, 6, 9]
    # Parts of other sizes round otherwise.
    for name, tensor in resumed.prior.state_dict().items():
        assert torch.allclose(tensor, whole.prior.state_dict()[name], rtol=0, atol=1e-3)


def test_a_finished_run_made_again_does_nothing(tmp_path) -> None:
    first = run_of(tmp_path, polish=2)
    first.run()
    events, rounds = [], []
    again = run_of(tmp_path, polish=2, report=events.append)
    again.run(after=rounds.append)
    assert events == rounds == []
    assert_same_bits(again, first)


def test_nothing_but_the_state_is_left_behind(tmp_path) -> None:
    run_of(tmp_path, polish=2, refreshes=2).run()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["learner.safetensors", "run.json"]


def test_what_a_killed_writer_left_is_cleared_away(tmp_path) -> None:
    (tmp_path / ".learner.safetensors.123.part").write_bytes(b"half")
    run_of(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


@pytest.mark.parametrize(
    "other",
    [
        {"rounds": 3},
        {"seed": 1},
        {"samples": 1},
        {"clean": 2},
        {"clean": 0},
        {"prior": untrained(1)},
        {"sampling": Sampling(steps=4)},
        {"training": Training(batch_size=9)},
        {"workers": Workers(count=2)},
    ],
    ids=str,
)
def test_the_folder_of_another_run_is_refused_and_left_as_it_is(tmp_path, other) -> None:
    run_of(tmp_path).run()
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(InvalidInput, match="another folder"):
        run_of(tmp_path, **other)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_other_observations_are_another_run(tmp_path) -> None:
    settings = {"rounds": Rounds(), "training": TRAINING, "sampling": SAMPLING, "folder": tmp_path}
    given = observed()
    EM(untrained(), given, **settings)
    EM(untrained(), observed(), **settings)
    with pytest.raises(InvalidInput, match="another folder"):
        EM(untrained(), Observations(given.y + 0.1 * given.measured, given.physics), **settings)


def test_a_state_that_is_none_is_refused(tmp_path) -> None:
    run_of(tmp_path).run()
    (tmp_path / "learner.safetensors").write_bytes(b"something else")
    with pytest.raises(InvalidInput, match="expected the state of a run"):
        run_of(tmp_path)


def test_the_given_prior_stays_as_it_was(tmp_path) -> None:
    prior = untrained()
    before = copy.deepcopy(prior.state_dict())
    trained = run_of(tmp_path, prior=prior).run()
    assert trained is not prior
    assert all(torch.equal(tensor, before[name]) for name, tensor in prior.state_dict().items())
    run_of(tmp_path, prior=prior)


def restored_with(monkeypatch: pytest.MonkeyPatch) -> list[tuple[dict[str, torch.Tensor], Observations, list[int]]]:
    """Record weights, observations and names of every E-step, which samples nothing but noise."""
    calls = []

    def restore(self, prior, observations, *, samples, seed, names=None):
        if names is not None:
            weights = {name: tensor.clone() for name, tensor in prior.state_dict().items()}
            calls.append((weights, observations, list(names), seed))
        return draw(len(observations), samples, *observations.image_shape, seed=seed % 1000)

    monkeypatch.setattr(Sampling, "restore", restore)
    return calls


def test_observations_are_the_same_in_every_bit_in_every_round(tmp_path, monkeypatch) -> None:
    """The published code corrupted clean images anew in each round, with new noise: measurements nobody made."""
    calls, em = restored_with(monkeypatch), run_of(tmp_path, rounds=3)
    y, digest = em.observations.y.clone(), em.observations.digest
    em.run()
    assert len(calls) == 3
    for _, given, names, _ in calls:
        assert torch.equal(given.y, y[names])
        assert torch.equal(given.physics.mask, observed().physics.mask[names])
    assert len({seed for *_, seed in calls}) == 3
    del em.observations.digest
    assert em.observations.digest == digest


@pytest.mark.parametrize(("subset", "number"), [(0.25, 2), (0.5, 4), (0.01, 1), (1.0, 9)])
def test_a_part_of_the_observations_is_another_each_time_until_all_had_their_turn(
    tmp_path, monkeypatch, subset, number
) -> None:
    calls, rounds = restored_with(monkeypatch), 9
    run_of(tmp_path, rounds=rounds, refreshes=2, steps=2, subset=subset).run()
    visited = [names for _, _, names, _ in calls]
    assert {len(names) for names in visited} == {number}
    assert all(names == sorted(set(names)) for names in visited)
    for _, given, names, _ in calls:
        assert torch.equal(given.y, observed().y[names])
    flat = [name for names in visited for name in names]
    turns = len(flat) // IMAGES
    counts = [flat.count(row) for row in range(IMAGES)]
    assert set(counts) <= {turns, turns + 1}
    first = flat[: IMAGES // number * number]
    assert len(set(first)) == len(first)


def test_reset_rounds_sample_from_the_old_prior_and_train_a_new_one(tmp_path, monkeypatch) -> None:
    calls, begun = restored_with(monkeypatch), []

    def anew(seed: int) -> NetworkPrior:
        begun.append((seed, len(calls)))
        return untrained(seed)

    ends: list[dict[str, torch.Tensor]] = []
    em = run_of(tmp_path, phase="reset", rounds=3, refreshes=2, anew=anew)
    em.run(after=lambda _: ends.append(copy.deepcopy(em.prior.state_dict())))
    # One a round, after the first E-step of the round and before its second.
    assert begun == [(0, 1), (1, 3), (2, 5)]
    starts = [untrained().state_dict(), *ends]
    for (weights, *_), start in zip(calls[::2], starts, strict=False):
        assert all(torch.equal(tensor, start[name]) for name, tensor in weights.items())
    assert int(em.learner.steps) == em.rounds.steps


def test_warm_rounds_go_on_with_weights_moments_and_average(tmp_path, monkeypatch) -> None:
    restored_with(monkeypatch)
    em = run_of(tmp_path, rounds=3, polish=2)
    em.run()
    assert em.learner.steps == 3 * 4 + 2


def judged_as(monkeypatch: pytest.MonkeyPatch, errors: list[float]) -> None:
    told = iter(errors)
    monkeypatch.setattr(HeldOut, "error", lambda *_, **__: next(told))


@pytest.mark.parametrize(
    ("patience", "errors", "warm"),
    [
        # A new phase begins where the errors of so many rounds are none better than before.
        (1, [1.0, 0.9, 0.9, 0.8, 0.7, 0.6], 3),
        (2, [1.0, 0.9, 0.9, 0.95, 0.7, 0.6], 4),
        (2, [1.0, 0.9, 0.9, 0.8, 0.7, 0.6], 6),
        # Less than the gain is none.
        (2, [1.0, 0.999, 0.998, 0.5, 0.4, 0.3], 3),
        # Three rounds if nothing is said.
        (None, [1.0, 1.0, 1.0, 1.0, 0.5, 0.4], 4),
    ],
)
def test_auto_begins_anew_when_the_held_out_error_no_longer_falls(
    tmp_path, monkeypatch, patience, errors, warm
) -> None:
    restored_with(monkeypatch)
    judged_as(monkeypatch, errors)
    begun: list[int] = []
    em = run_of(
        tmp_path,
        phase="auto",
        rounds=6,
        steps=1,
        patience=patience,
        anew=lambda seed: begun.append(seed) or untrained(seed),
    )
    em.run()
    assert [past.phase for past in em.history] == ["warm"] * warm + ["reset"] * (6 - warm)
    assert begun == list(range(warm, 6))


@pytest.mark.parametrize(
    ("settings", "errors", "ends"),
    [
        ({"patience": 2}, [1.0, 0.9, 0.9, 0.91], 4),
        ({"patience": 3}, [1.0, 0.9, 0.9, 0.91, 0.92, 0.93], 5),
        ({}, [1.0] * 8, 8),
        ({"phase": "auto"}, [1.0] * 8, 8),
        # Two warm rounds, then three anew: each phase has a patience of its own.
        ({"phase": "auto", "patience": 1}, [1.0, 1.0, 2.0, 1.5, 1.5], 5),
    ],
)
def test_runs_end_when_patience_does(tmp_path, monkeypatch, settings, errors, ends) -> None:
    restored_with(monkeypatch)
    judged_as(monkeypatch, errors)
    em = run_of(tmp_path, rounds=8, steps=1, **settings)
    rounds: list[Round] = []
    em.run(after=rounds.append)
    assert [past.number for past in rounds] == list(range(1, ends + 1))
    assert rounds == em.history


@pytest.mark.parametrize(
    ("clean", "asked", "share"), [(3, None, 3 / 12), (3, 0.5, 0.5), (3, 0.0, 0.0), (0, None, 0.0), (0, 0.5, 0.0)]
)
def test_clean_images_have_the_stated_share_or_the_weight_of_an_observation(
    tmp_path, monkeypatch, clean, asked, share
) -> None:
    restored_with(monkeypatch)
    em, pools = run_of(tmp_path, clean=clean, clean_share=asked, rounds=1), []
    step = em.learner.step
    monkeypatch.setattr(em.learner, "step", lambda pool, rate: pools.append(pool) or step(pool, rate))
    em.run()
    assert len(pools) == 4
    assert pools[0].clean_share == pytest.approx(share)
    assert pools[0].reconstructions.shape == (IMAGES, 2, *SHAPE)
    assert pools[0].clean is None if clean == 0 else torch.equal(pools[0].clean, images(clean, seed=50))


def test_gradient_steps_are_shared_among_refreshes_and_the_rate_falls_in_the_polish_only(tmp_path, monkeypatch) -> None:
    restored_with(monkeypatch)
    em, rates = run_of(tmp_path, rounds=1, refreshes=3, steps=8, polish=4), []
    step = em.learner.step
    monkeypatch.setattr(em.learner, "step", lambda pool, rate: rates.append((pool, rate)) or step(pool, rate))
    em.run()
    assert [rate for _, rate in rates] == [1.0] * 8 + [1.0, 0.75, 0.5, 0.25]
    # The pools themselves are held: the number of a dropped one may be given to the next.
    assert [len(list(steps)) for _, steps in groupby(rates, key=lambda pair: id(pair[0]))] == [2, 2, 4, 4]


def test_the_first_samples_are_of_the_gaussian_where_that_is_asked_for(tmp_path, monkeypatch) -> None:
    calls, fits = restored_with(monkeypatch), []
    monkeypatch.setattr(module, "PART_IMAGES", 4)
    monkeypatch.setattr(module, "fit_gaussian_em", lambda *a, **k: fits.append(k) or fit_gaussian_em(*a, **k))
    em, residuals = run_of(tmp_path, start="gaussian", rounds=2, refreshes=2), []
    em.run(after=lambda past: residuals.append(past.residual))
    assert len(fits) == 1
    assert torch.equal(fits[0]["clean"], images(3, seed=50))
    # Of four E-steps in five parts each, the first asks no network.
    assert len(calls) == 3 * 5


def test_samples_of_the_gaussian_fit_the_measurements(tmp_path) -> None:
    em = run_of(tmp_path, start="gaussian", rounds=1, samples=4)
    pool, residual = em._expect()
    assert 0.5 < residual < 1.5
    assert float(pool.reconstructions.std(dim=1).mean()) > 0.05


def test_the_residual_of_a_round_is_that_of_all_its_samples(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(module, "PART_IMAGES", 4)
    em = run_of(tmp_path)
    pool, residual = em._expect()
    expected = data_residual(pool.reconstructions[:, 0], observed()).square().mean().sqrt()
    assert residual == pytest.approx(float(expected))


def test_progress_is_told_of_every_part_and_every_step(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(module, "PART_IMAGES", 8)
    events: list[Progress] = []
    run_of(tmp_path, report=events.append, steps=3).run()
    expected = [
        *(
            (stage, done, total)
            for stage, total, places in (("E", 9, (4, 8, 9)), ("M", 3, (1, 2, 3)))
            for done in places
        )
    ]
    assert [(event.stage, event.done, event.total) for event in events] == 2 * expected
    assert [event.round for event in events] == [1] * 6 + [2] * 6
    assert all(event.figure > 0 for event in events)


def test_em_learns_what_masks_hide(tmp_path) -> None:
    """Held-out measurements are predicted better, and so are the images themselves."""
    many = images(150, seed=7)
    masks = Inpainting.random(150, SHAPE, 0.6, seed=1, noise_std=0.1)
    given = Observations.corrupt(many, masks, seed=0)
    how = Sampling(steps=12, value_range=(-2.5, 2.5), high=10.0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        start = NetworkPrior(ResidualPerceptron(*SHAPE, width=48, blocks=2), sigma_data=0.7, mean=-0.3)
    em = EM(
        start,
        given,
        rounds=Rounds(rounds=2, steps=150, start="gaussian"),
        training=Training(batch_size=64, memory_steps=30.0),
        sampling=how,
        folder=tmp_path,
    )
    before = HeldOut(given).error(start.eval(), how)
    em.run()
    assert em.history[-1].held_out < 0.6 * before
    misfit = [
        float((how.restore(prior, given, samples=4, seed=0).mean(dim=1) - many).square().mean())
        for prior in (start, em.prior)
    ]
    assert misfit[1] < 0.4 * misfit[0]


@pytest.mark.parametrize("phase", ["reset", "auto"])
def test_new_weights_must_come_from_somewhere(tmp_path, phase) -> None:
    with pytest.raises(InvalidInput, match="expected `anew`"):
        run_of(tmp_path / "run", phase=phase, anew=None)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("observations", "clean", "message"),
    [
        (observed, torch.zeros(2, 1, 5, 4), "shape of the others"),
        (observed, torch.full((2, *SHAPE), torch.nan), "finite"),
        (lambda: Observations(draw(IMAGES, *SHAPE), Denoising()), None, "have none"),
    ],
    ids=["another shape", "nan", "no noise"],
)
def test_what_cannot_be_learned_from_is_refused_before_anything_is_written(
    tmp_path, observations, clean, message
) -> None:
    settings = {"rounds": Rounds(), "training": TRAINING, "sampling": SAMPLING}
    with pytest.raises(InvalidInput, match=message):
        EM(untrained(), observations(), clean, folder=tmp_path / "run", **settings)
    assert not (tmp_path / "run").exists()


def test_more_processes_than_observations_are_refused(tmp_path) -> None:
    with pytest.raises(InvalidInput, match="start fewer"):
        run_of(tmp_path / "run", subset=0.2, workers=Workers(count=3))


@pytest.mark.parametrize(
    "bad",
    [
        {"rounds": 0},
        {"subset": 0.0},
        {"subset": 1.5},
        {"clean_share": -0.1},
        {"phase": "cold"},
        {"start": "nothing"},
        {"patience": 0},
        {"refresh": 2},
    ],
)
def test_rounds_that_cannot_be_are_refused(bad) -> None:
    with pytest.raises(ValidationError):
        Rounds(**bad)


def test_the_identity_of_a_run_is_text_that_a_person_can_read(tmp_path) -> None:
    run_of(tmp_path)
    described = json.loads((tmp_path / "run.json").read_text())
    assert described["rounds"]["steps"] == 4
    assert described["observations"] == observed().digest


def test_a_disk_that_fills_up_keeps_the_rounds_before(tmp_path, monkeypatch) -> None:
    whole = run_of(tmp_path / "whole")
    whole.run()
    write, calls = module.write_state, count()

    def full(path, tensors, cursor):
        if next(calls) >= 3:
            raise OSError(28, "No space left on device")
        write(path, tensors, cursor)

    monkeypatch.setattr(module, "write_state", full)
    with pytest.raises(OSError, match="No space"):
        run_of(tmp_path / "cut").run()
    monkeypatch.setattr(module, "write_state", write)
    resumed = run_of(tmp_path / "cut")
    assert len(resumed.history) == 1
    resumed.run()
    assert_same_bits(resumed, whole)


def test_judges_may_be_observations_that_are_not_trained_on(tmp_path: Path) -> None:
    trained, kept = observed().take([0, 1, 2, 3, 4, 5]), observed().take([6, 7, 8])
    settings = {"rounds": Rounds(rounds=1, steps=1), "training": TRAINING, "sampling": SAMPLING, "folder": tmp_path}
    em = EM(untrained(), trained, judges=kept, **settings)
    assert torch.equal(em.held_out.whole.y, kept.y)
    with pytest.raises(InvalidInput, match="other settings or observations"):
        EM(untrained(), trained, **settings)
