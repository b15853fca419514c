"""The prior of clean digits that studies share: what it never saw, and that it is trained once."""

import pytest

torch = pytest.importorskip("torch", reason="the em extra is not installed")

from consilience.ground.errors import InvalidInput  # noqa: E402
from consilience.methods.em_diffusion.studies.clean_prior import clean_prior  # noqa: E402


def test_images_for_tuning_are_never_those_scored() -> None:
    found = clean_prior(0, 2)
    tuning, scoring = (
        {tuple(image.flatten().tolist()) for image in part} for part in (found.tuning(200), found.scoring(200))
    )
    assert len(tuning) > 190
    assert not tuning & scoring


def test_trained_once_for_all_studies_of_a_run_and_leaves_the_global_generator_alone() -> None:
    clean_prior.cache_clear()
    before = torch.get_rng_state()
    first = clean_prior(0, 2)
    assert bool((torch.get_rng_state() == before).all())
    assert clean_prior(0, 2) is first
    clean_prior.cache_clear()
    again = clean_prior(0, 2)
    for one, other in zip(first.prior.parameters(), again.prior.parameters(), strict=True):
        assert bool((one == other).all())
        assert not one.requires_grad


@pytest.mark.parametrize("count", [1, 201])
def test_more_images_than_there_are_and_fewer_than_an_error_takes_are_refused(count: int) -> None:
    with pytest.raises(InvalidInput, match=f"between 2 and 200 images .* got {count}"):
        clean_prior(0, 2).scoring(count)
