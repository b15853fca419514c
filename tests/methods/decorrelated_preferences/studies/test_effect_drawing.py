"""The picture of effects has every arm, every seed, and where they began."""

import pytest

pytest.importorskip("trl", reason="the preferences extra is not installed")

from consilience.methods.decorrelated_preferences.studies.arms import ARMS, Look, Outcome
from consilience.methods.decorrelated_preferences.studies.effect_drawing import draw


def outcome(arm: str, seed: int) -> Outcome:
    looks = tuple(
        Look(step=step, accuracy=1.0, margin=1.0, displacement=0.0, validation_loss=0.5, rule=rule, kl=kl)
        for step, rule, kl in ((0, 0.4, 0.0), (5, 0.2 + 0.1 * seed, 3.0 + seed))
    )
    return Outcome(arm=arm, seed=seed, looks=looks, train_accuracy=1.0, scale=0.0, features={})


def test_arms_are_marked_at_the_mean_of_their_seeds() -> None:
    canvas = draw([outcome(arm.name, seed) for arm in ARMS for seed in (0, 1)])
    (axes,) = canvas.axes
    marks = {line.get_label(): line for line in axes.lines if not line.get_label().startswith("_")}
    assert list(marks) == [arm.name for arm in ARMS]
    for line in marks.values():
        assert line.get_xdata()[0] == pytest.approx(3.5)
        assert line.get_ydata()[0] == pytest.approx(0.25)


def test_every_seed_of_dpo_is_a_way_from_the_first_policy() -> None:
    canvas = draw([outcome(arm.name, seed) for arm in ARMS for seed in (0, 1)])
    ways = [line for line in canvas.axes[0].lines if list(line.get_xdata()) in ([0.0, 3.0], [0.0, 4.0])]
    assert len(ways) == 2
    assert any(set(line.get_ydata()) == {0.4} for line in canvas.axes[0].lines)
