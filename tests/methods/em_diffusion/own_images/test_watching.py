"""What is shown of a long run, and that watching changes nothing."""

from dataclasses import asdict
from io import StringIO

import pytest
import torch
from rich.console import Console

from consilience.methods.em_diffusion.corruption import Inpainting
from consilience.methods.em_diffusion.gaussian import GaussianPrior
from consilience.methods.em_diffusion.held_out import HeldOut
from consilience.methods.em_diffusion.observation import Observations
from consilience.methods.em_diffusion.own_images import watching
from consilience.methods.em_diffusion.own_images.watching import Watch, watched
from consilience.methods.em_diffusion.sampling import Sampling


def test_every_evaluation_is_told_and_nothing_else_changes() -> None:
    images = torch.randn(5, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    physics = Inpainting.random(5, (1, 4, 4), 0.7, seed=0, noise_std=0.1)
    observations = Observations.corrupt(images, physics, seed=0)
    prior, sampling = GaussianPrior(torch.zeros(1, 4, 4), torch.eye(16)), Sampling(steps=6, corrections=1)
    told: list[tuple[int, bool]] = []
    counted = watched(sampling, lambda images, partly: told.append((images, partly)))
    assert asdict(counted) == asdict(sampling)
    drawn = [each.restore(prior, observations, samples=2, seed=0) for each in (sampling, counted)]
    assert torch.equal(*drawn)
    assert told == [(10, False)] * sampling.evaluations
    told.clear()
    HeldOut(observations).error(prior, counted)
    assert told == [(20, True)] * sampling.evaluations


def test_the_time_left_is_told_once_every_kind_of_work_has_a_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 1000, 10))
    monkeypatch.setattr(watching.time, "monotonic", lambda: float(next(clock)))
    watch = Watch("w", quiet=True)
    watch.plan({"steps": 4, "evaluations": 30})
    watch.advance("M-step", "steps", 2, 4)
    assert watch.time_left() == ""
    watch.advance("E-step", "evaluations", 10, 30)
    assert watch.time_left() == "about 30 s left"


@pytest.mark.parametrize(("terminal", "quiet"), [(True, False), (False, False), (False, True)])
def test_a_terminal_has_a_display_and_a_file_has_lines(terminal: bool, quiet: bool) -> None:
    out = StringIO()
    with Watch(
        "w", quiet=quiet, console=Console(file=out, force_terminal=terminal, width=200, highlight=False)
    ) as watch:
        watch.plan({"steps": 2})
        watch.advance("round 1/2, M-step", "steps", 1, 2, "loss 0.5")
        watch.say("round 1/2: done")
    shown = out.getvalue()
    assert ("w: round 1/2: done" in shown) is not quiet
    assert ("loss 0.5" in shown and "left" in shown) is terminal
