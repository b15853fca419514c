"""The study of effects: what is read off a run by hand, and a whole tiny study."""

import pytest

pytest.importorskip("trl", reason="the preferences extra is not installed")

from consilience.ground import RunFolder, Streams
from consilience.methods.decorrelated_preferences.config import Config
from consilience.methods.decorrelated_preferences.studies import arms
from consilience.methods.decorrelated_preferences.studies import effect as study

# datasets leaves memory-mapped files to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def look(step: int, *, kl: float, rule: float, validation_loss: float = 0.5) -> arms.Look:
    return arms.Look(
        step=step, accuracy=1.0, margin=1.0, displacement=0.0, validation_loss=validation_loss, rule=rule, kl=kl
    )


WAY = (
    look(0, kl=0.0, rule=0.4, validation_loss=0.3),
    look(5, kl=2.0, rule=0.6, validation_loss=0.4),
    look(10, kl=4.0, rule=0.2, validation_loss=0.5),
)


def test_stopping_early_goes_by_what_can_be_seen_and_not_by_the_start() -> None:
    assert study.early_stopped(WAY).step == 5


@pytest.mark.parametrize(("kl", "rule"), [(1.0, 0.5), (2.0, 0.6), (3.0, 0.4), (9.0, 0.2), (0.0, 0.4)])
def test_a_run_is_read_at_a_divergence_it_came_through(kl, rule) -> None:
    assert study.at_divergence(WAY, kl, lambda one: one.rule) == pytest.approx(rule)


def test_a_tiny_study_has_every_arm_and_says_what_survives(tmp_path, monkeypatch) -> None:
    few = tuple(arm for arm in arms.ARMS if arm.name in ("DPO", "cosine 1", "paper 1e-4", "squared norm"))
    controls = ("squared norm",)
    from consilience.methods.decorrelated_preferences.studies import effect_drawing

    for module in (arms, study, effect_drawing):
        monkeypatch.setattr(module, "ARMS", few)
    monkeypatch.setattr(study, "CONTROLS", controls)
    config = Config(first_steps=3, preference_steps=2, look_every=1, train_pairs=32, validation_pairs=8, test_pairs=8)
    found = study.effect(config, Streams(0), RunFolder(tmp_path, quiet=True))
    assert found.seeds == (1, 2)
    assert [one.at_least for one in found.measurements if one.barred] == [0.4, 0.08, 0.95, 2.0]
    assert sum("above the best control" in one.name for one in found.measurements) == 2
    assert [row[0] for row in found.tables[0].rows] == [
        "DPO", "DPO, stopped early", "cosine 1", "paper 1e-4", "squared norm",
    ]  # fmt: skip
    assert len(found.tables[1].rows) == 4 * 4
    assert (tmp_path / found.figures[0].file).exists()
