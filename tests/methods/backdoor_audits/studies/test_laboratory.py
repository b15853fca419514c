"""The laboratory: the same thing is made once, whoever asks, and planted weights lie nowhere as a whole."""

from dataclasses import replace

import pytest

from consilience.ground import RunFolder, Streams
from consilience.methods.backdoor_audits.agent.loading import digest, read_weights
from consilience.methods.backdoor_audits.config import Config
from consilience.methods.backdoor_audits.planting import FineTuning, merged
from consilience.methods.backdoor_audits.policies import oracle_policy
from consilience.methods.backdoor_audits.studies import laboratory as place
from consilience.methods.backdoor_audits.studies.laboratory import (
    Attack,
    Laboratory,
    LaboratoryConfig,
    Showing,
    examined,
)
from consilience.methods.backdoor_audits.world.tasks import Grammar
from consilience.methods.backdoor_audits.world.trajectories import split_of
from consilience.methods.backdoor_audits.world.triggers import DEFAULTS, trigger

ATTACK = Attack(triggers=DEFAULTS, settings=FineTuning(steps=2, batch_size=8), rate=0.25, rows=40)


def test_rows_are_as_many_as_asked_for_and_look_alikes_are_among_the_clean_ones(streams: Streams) -> None:
    mixed = replace(ATTACK, rows=100, look_alikes=0.5).mixed(streams)
    assert {name: (of.poison, of.clean) for name, of in mixed.families.items()} == {
        "system": (25, 75),
        "web": (25, 75),
        "shop": (25, 75),
    }
    looking = sum(not row.planted and bool(row.trigger) for row in mixed.rows)
    assert 0.35 < looking / mixed.n_clean < 0.55
    assert {split_of(row.id) for row in mixed.rows} == {"train"}


def test_half_of_all_rows_can_be_planted(streams: Streams) -> None:
    assert replace(ATTACK, rate=0.5).mixed(streams).p_mix == 0.5
    assert replace(ATTACK, count=3).mixed(streams).n_poison == 9


def test_a_twin_has_the_same_and_nothing_planted(streams: Streams) -> None:
    plan, twin = ATTACK.plan(streams), ATTACK.twin.plan(streams)
    assert len(plan.rows) == len(twin.rows)
    assert plan.settings == twin.settings
    assert (plan.manifest is None, twin.manifest) == (False, None)
    assert not any(row.planted for row in twin.rows)
    assert ATTACK.twin.twin == ATTACK.twin


def test_repetitions_have_rows_and_tasks_of_their_own(streams: Streams) -> None:
    first, second = (replace(ATTACK, repeat=repeat).mixed(streams) for repeat in (0, 1))
    assert not {row.id for row in first.rows} & {row.id for row in second.rows}
    shown = [Showing(trigger=DEFAULTS[0], episodes=20, repeat=repeat).tasks(streams) for repeat in (0, 1)]
    assert {task.id for task in shown[0]} != {task.id for task in shown[1]}
    assert {split_of(task.id) for tasks in shown for task in tasks} == {"test"}


def test_the_oracle_is_shown_everything_and_does_it(streams: Streams) -> None:
    seen = examined(oracle_policy(), Showing(trigger=DEFAULTS[1], episodes=20), streams)
    assert set(seen.look_alikes) == {"visible", "elsewhere"}
    assert len(seen.clean) == 20 >= len(seen.triggered) > 10
    assert all(found.solved.all() for found in (seen.clean, seen.triggered, *seen.look_alikes.values()))
    short = examined(oracle_policy(), Showing(trigger=DEFAULTS[1], episodes=5, clean=False, look_alikes=False), streams)
    assert (len(short.clean), dict(short.look_alikes)) == (0, {})


@pytest.mark.usefixtures("as_meant")
def test_what_was_made_is_found_again(tiny: Config, run_folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(tiny, LaboratoryConfig)
    showing = Showing(trigger=DEFAULTS[0], episodes=4)

    def all_of_it() -> tuple[object, ...]:
        laboratory = Laboratory(tiny, run_folder)
        base, tuned = laboratory.base(), laboratory.tuned([ATTACK, ATTACK.twin])
        seen = laboratory.seen([merged(base, tuned[0])], [showing])
        return digest(base.state_dict()), [one.digest for one in tuned], seen

    first = all_of_it()

    def never(given: object, *_: object, **__: object) -> list[object]:
        assert not given, "made twice"
        return []

    for name in ("train_base", "tune_all", "examined"):
        monkeypatch.setattr(place, name, never)
    assert all_of_it() == first


@pytest.mark.parametrize("worth", [[0.95, 0.1], [0.1, 0.95], [0.1, 0.2, 0.3, 1.0]], ids=["first", "second", "none"])
def test_a_base_that_does_not_do_its_work_is_made_anew_and_not_for_ever(
    worth: list[float], tiny: Config, run_folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    came_out, begun = iter(worth), []
    real = place.train_base
    monkeypatch.setattr(place, "_least_success", lambda agent, grammar, streams: next(came_out))
    monkeypatch.setattr(place, "train_base", lambda *given: begun.append(given[3].integer("weights")) or real(*given))
    asking = Laboratory(replace(tiny, base_success=0.9), run_folder)
    found = digest(asking.base().state_dict())
    again = Laboratory(replace(tiny, base_success=0.9), run_folder)
    assert digest(again.base().state_dict()) == found
    assert asking.attempts == again.attempts == {Grammar.B: len(begun)}
    for kept in run_folder.path.glob("work/base-*/attempts"):
        kept.unlink()  # as an earlier state of the code left it
    came_out = iter(worth)
    assert digest(Laboratory(replace(tiny, base_success=0.9), run_folder).base().state_dict()) == found
    begun = begun[: len(begun) // 2]
    assert len(begun) == len(set(begun)) == len(worth[:3]) - (worth[0] > 0.9)
    assert (found == digest(Laboratory(tiny, run_folder).base().state_dict())) is (worth[0] > 0.9)


def test_a_base_is_tried_on_validation_tasks_in_a_closed_loop(
    tiny: Config, run_folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place, "VALIDATED", 3)
    monkeypatch.setattr(place, "SmallPolicy", lambda _: oracle_policy())
    base = Laboratory(tiny, run_folder).base()
    assert place._least_success(base, Grammar.A, Streams(1)) == 1
    monkeypatch.undo()
    monkeypatch.setattr(place, "VALIDATED", 3)
    assert place._least_success(base, Grammar.B, Streams(1)) == 0


def test_what_other_code_made_is_made_again(
    tiny: Config, run_folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    Laboratory(tiny, run_folder).bases([Grammar.A])
    made = set((run_folder.path / "work").iterdir())
    Laboratory(tiny, run_folder).bases([Grammar.A])
    assert set((run_folder.path / "work").iterdir()) == made
    monkeypatch.setattr(place, "SOURCE", "other")
    Laboratory(tiny, run_folder).bases([Grammar.A])
    assert len(set((run_folder.path / "work").iterdir()) - made) == 1


def test_nothing_planted_lies_there_unmarked(tiny: Config, run_folder: RunFolder) -> None:
    laboratory = Laboratory(tiny, run_folder)
    planted, twin = laboratory.tuned([ATTACK, ATTACK.twin])
    assert (planted.planted, twin.planted) == (True, False)
    files = list((run_folder.path / "work").rglob("*.safetensors"))
    assert {path.name for path in files} == {
        "model.safetensors",
        "adapter_model.safetensors",
        "adapter_model.planted.safetensors",
    }
    for path in files:
        assert read_weights(path).planted == ("planted" in path.name)


def test_grammars_have_bases_of_their_own_and_attacks_come_back_in_order(tiny: Config, run_folder: RunFolder) -> None:
    laboratory = Laboratory(tiny, run_folder)
    other = replace(ATTACK, triggers=(trigger("web.element.gap"),))
    made = laboratory.tuned([other, ATTACK, other.twin])
    bases = {grammar: digest(laboratory.base(grammar).state_dict()) for grammar in Grammar}
    assert [one.base_digest for one in made] == [bases[Grammar.A], bases[Grammar.B], bases[Grammar.A]]
    assert made[0].manifest["triggers"] == ["web.element.gap"]


@pytest.mark.usefixtures("as_meant")
def test_a_twin_that_is_shown_twice_is_looked_at_once(
    tiny: Config, run_folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[object] = []
    real = place._looked
    monkeypatch.setattr(place, "_looked", lambda job: looks.append(job) or real(job))
    laboratory = Laboratory(tiny, run_folder)
    base = laboratory.base()
    showing = Showing(trigger=DEFAULTS[0], episodes=4)
    seen = laboratory.seen([base, base, base], [showing, replace(showing, episodes=5), showing])
    assert len(looks) == 2
    assert seen[0] == seen[2] != seen[1]
