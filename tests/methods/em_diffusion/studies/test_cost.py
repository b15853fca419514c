"""The study of cost at a size for tests: what is counted, and who may compete."""

import pytest

torch = pytest.importorskip("torch", reason="the em extra is not installed")

from consilience.ground import Evidence, RunFolder, Streams  # noqa: E402
from consilience.methods.em_diffusion.config import Config  # noqa: E402
from consilience.methods.em_diffusion.corruption import Denoising  # noqa: E402
from consilience.methods.em_diffusion.observation import Observations  # noqa: E402
from consilience.methods.em_diffusion.sampling import Sampling  # noqa: E402
from consilience.methods.em_diffusion.studies.cost import Counted, cost  # noqa: E402

SMALL = Config(prior_steps=60, cost_images=8, cost_samples=2, cost_steps=100)


def halve(noisy: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
    return noisy / 2


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    return cost(SMALL, Streams(0), RunFolder(tmp_path_factory.mktemp("run"), quiet=True))


@pytest.mark.parametrize(("posterior", "products"), [("dps", 1), ("pgdm", 1), ("mmps", 3)])
def test_a_guided_step_is_one_forward_and_as_many_products_as_it_solves_for(posterior: str, products: int) -> None:
    images = torch.randn(4, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    given = Observations.corrupt(images, Denoising(noise_std=0.5), 0)
    counted = Counted(halve)
    Sampling(posterior=posterior, iterations=2).guide(counted, given)(images, torch.ones(4))
    assert (counted.forwards, counted.products) == (1, products)


def test_forwards_without_gradients_are_counted_too() -> None:
    counted = Counted(halve)
    counted(counted(torch.ones(1, 1, 2, 2), torch.ones(1)), torch.ones(1))
    assert (counted.forwards, counted.products) == (2, 0)


def test_one_forward_a_guided_step_of_every_posterior(evidence: Evidence) -> None:
    counts = [measurement for measurement in evidence.measurements if "forwards" in measurement.name]
    assert [measurement.name.rpartition(" ")[2] for measurement in counts] == ["DPS", "PGDM", "MMPS"]
    assert all(measurement.value == 1.0 and measurement.holds for measurement in counts)


def test_only_samplers_with_a_tenth_of_the_evaluations_compete(evidence: Evidence) -> None:
    *short, long = evidence.tables[0].rows
    assert long[0].startswith("DPS, ancestral, 100 levels")
    assert long[1:3] == (100, 100)
    assert all(0 < row[1] <= 10 for row in short)
    assert [row[2] for row in short if row[0].startswith("MMPS, ancestral")] == [6, 12, 30]


def test_the_competitor_is_chosen_where_it_is_not_scored(evidence: Evidence) -> None:
    headline = evidence.measurements[0]
    *short, _ = evidence.tables[0].rows
    chosen = max(short, key=lambda row: row[6])
    assert headline.note.startswith(chosen[0])
    assert headline.value == pytest.approx(chosen[5], abs=0.006)
    assert headline.bar == "at least -0.3 dB"


def test_times_stay_out_of_what_must_come_out_alike(evidence: Evidence) -> None:
    marks, times = evidence.tables
    assert (marks.timing, times.timing) == (False, True)
    assert len(times.rows) == len(marks.rows)
    assert all(row[1] > 0 for row in times.rows)
