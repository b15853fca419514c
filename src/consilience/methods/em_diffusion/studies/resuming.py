"""Whether a run of EM that was cut off goes on to the same bits: two small runs are killed, one is interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from sklearn.datasets import load_digits

from consilience.ground import Evidence, Measurement, RunFolder, Streams, Table
from consilience.methods.em_diffusion import em
from consilience.methods.em_diffusion.corruption import Inpainting
from consilience.methods.em_diffusion.em import EM, Progress, Rounds
from consilience.methods.em_diffusion.network import ResidualPerceptron
from consilience.methods.em_diffusion.observation import Observations
from consilience.methods.em_diffusion.prior import NetworkPrior
from consilience.methods.em_diffusion.sampling import Sampling
from consilience.methods.em_diffusion.state import read_state, write_state
from consilience.methods.em_diffusion.training import Training
from consilience.neural.generators import seeded
from consilience.neural.sharing import one_thread

__all__ = ["resuming"]

SHAPE = (1, 8, 8)
CORRUPTED, CLEAN = 30, 10
ROUNDS = Rounds(rounds=2, steps=20, samples=50, polish=10)
"""As many samples as make an E-step of two parts, each kept when it is done."""
MORE_EVENTS = 17
"""Of 22 a round: the interruptions fall into E, into M, and into M of the second round."""
TRAINING = Training(batch_size=32)
SAMPLING = Sampling(steps=4, corrections=1)
ENTRY = f"from {__name__} import die; die()"
KILL = getattr(signal, "SIGKILL", signal.SIGTERM)
"""Windows knows no SIGKILL; its SIGTERM is one."""
PATIENCE_S = 900
"""Longer than any machine needs for a child."""

Stage = Literal["E", "M"]
STAGES: tuple[Stage, ...] = ("E", "M")
Report = Callable[[Progress], None]


class _Cut(Exception):
    """Stands for an interruption by the user."""


@dataclass(frozen=True)
class _Found:
    """How a run that went on compares with the one that was not cut off."""

    where: str
    how: str
    tensors: int
    differ: int


def resuming(config: object, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure the claim ``em.resume``.

    A small run of EM on digits ends uninterrupted. Two more are under way in a process that receives SIGKILL, one of
    them between the parts of an E-step, one among the gradient steps of an M-step; a third is interrupted by an
    exception several times. Each is made again and ends, and every tensor of its state is compared: weights, running
    average, the optimiser's moments, the random generator, and the history of rounds.

    Parameters
    ----------
    config : object
        Nothing of it is read: two rounds say it all.
    streams : Streams
    folder : RunFolder

    Returns
    -------
    Evidence
    """
    del config
    seed = streams.integer("run")
    with one_thread(), tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        child = _child(place, seed)
        try:
            whole = _run(place / "whole", seed)
            whole.run()
            found = [_interrupted(place / "cut", seed, whole)]
            _expect_killed(child)
        finally:
            child.kill()
            child.communicate()
        found += [_gone_on(place / stage, seed, whole, where=f"{stage}, round 2", how="SIGKILL") for stage in STAGES]
        forgetful = _forgetful(place / "forgetful", seed, whole)
    for one in found:
        folder.record("resuming", where=one.where, how=one.how, differ=one.differ)
    return Evidence(
        measurements=(
            Measurement(
                name="tensors that differ in any bit",
                value=float(sum(one.differ for one in found)),
                at_most=0.0,
                note=f"of {sum(one.tensors for one in found)}, in {len(found)} runs; one that keeps weights alone, "
                f"as the published code does, differs in {forgetful.differ} of {forgetful.tensors}",
            ),
        ),
        tables=(_table([*found, forgetful]),),
    )


def _run(folder: Path, seed: int, report: Report | None = None) -> EM:
    """Make the run, or the one that was cut off in this folder."""
    images = torch.from_numpy(load_digits().images[: CORRUPTED + CLEAN] / 8.0 - 1.0).float()[:, None]
    masks = Inpainting.random(CORRUPTED, SHAPE, 0.4, seed=seed, noise_std=0.1)
    with seeded(seed):
        network = ResidualPerceptron(*SHAPE, width=32, blocks=2)
    return EM(
        NetworkPrior(network, sigma_data=0.75, mean=-0.4),
        Observations.corrupt(images[CLEAN:], masks, seed=seed),
        images[:CLEAN],
        rounds=ROUNDS,
        training=TRAINING,
        sampling=SAMPLING,
        folder=folder,
        report=report,
    )


def _is_half_way(progress: Progress, stage: Stage) -> bool:
    """Whether the second round has done a part of its samples, or half of its gradient steps."""
    enough = 1 if stage == "E" else progress.total // 2
    return (progress.round, progress.stage) == (2, stage) and enough <= progress.done < progress.total


def _child(folder: Path, seed: int) -> subprocess.Popen[str]:
    arguments = [str(folder), str(seed), str(torch.get_num_threads())]
    return subprocess.Popen(  # noqa: S603 - our own interpreter and code
        [sys.executable, "-c", ENTRY, *arguments], stderr=subprocess.PIPE, text=True
    )


def die() -> None:
    """Be the child: bring one run half-way through an E-step, from there another through an M-step, and be killed."""
    folder, seed, threads = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    torch.set_num_threads(threads)
    em.SAVE_EVERY_S = 0.0

    def in_m(progress: Progress) -> None:
        if _is_half_way(progress, "M"):
            os.kill(os.getpid(), KILL)

    def in_e(progress: Progress) -> None:
        if _is_half_way(progress, "E"):
            _run(folder / "M", seed, in_m).run()

    _run(folder / "E", seed, in_e).run()


def _expect_killed(child: subprocess.Popen[str]) -> None:
    _, said = child.communicate(timeout=PATIENCE_S)
    if abs(child.returncode) != KILL:
        raise RuntimeError(f"a process that should have been killed ended with {child.returncode}: {said[-2000:]}")


def _gone_on(folder: Path, seed: int, whole: EM, *, where: str, how: str) -> _Found:
    """Make the run again, let it end, and compare."""
    resumed = _run(folder, seed)
    resumed.run()
    return _compared(resumed, whole, where=where, how=how)


def _interrupted(folder: Path, seed: int, whole: EM) -> _Found:
    """Interrupt by an exception after the first event, then each time after more of them, until the run ends."""
    times = 0
    while True:
        left = 1 + MORE_EVENTS * times

        def report(_: Progress) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                raise _Cut

        resumed = _run(folder, seed, report)
        try:
            resumed.run()
        except _Cut:
            times += 1
            continue
        return _compared(resumed, whole, where="anywhere", how=f"{times} exceptions")


def _forgetful(folder: Path, seed: int, whole: EM) -> _Found:
    """Go on with the weights alone after the first round: what must differ, or nothing was compared."""

    def report(progress: Progress) -> None:
        if progress.round > 1:
            raise _Cut

    try:
        _run(folder, seed, report).run()
    except _Cut:
        path = folder / "learner.safetensors"
        kept = read_state(path)
        if kept is None:
            raise RuntimeError("a run that was interrupted left no state") from None
        tensors, cursor = kept
        generator = torch.Generator().manual_seed(seed).get_state()
        weights = {name: tensor for name, tensor in tensors.items() if not name.startswith("moments/")}
        write_state(path, weights | {"generator": generator}, cursor)
    return _gone_on(folder, seed, whole, where="between rounds", how="weights alone are kept")


def _compared(resumed: EM, whole: EM, *, where: str, how: str) -> _Found:
    left, right = resumed.learner.state(), whole.learner.state()
    differ = sum(name not in left or not torch.equal(left[name], tensor) for name, tensor in right.items())
    differ += len(left.keys() - right.keys()) + (resumed.history != whole.history)
    return _Found(where=where, how=how, tensors=len(right) + 1, differ=differ)


def _table(found: list[_Found]) -> Table:
    return Table(
        title="Runs that were cut off and went on, against one that was not",
        columns=("where", "how", "tensors", "that differ"),
        rows=tuple((one.where, one.how, one.tensors, one.differ) for one in found),
        note="Weights, running average, the optimiser's moments, the random generator; the history of rounds as one "
        "more. The last row is for comparison, and is no part of the claim.",
    )
