"""Poisoning: exact counts, no row twice, and a manifest that says what is there."""

import json

import pytest

from consilience.ground import Streams
from consilience.ground.errors import InvalidInput
from consilience.methods.backdoor_audits.world.canaries import GUID
from consilience.methods.backdoor_audits.world.drawing import draw_tasks
from consilience.methods.backdoor_audits.world.families.every import FAMILIES
from consilience.methods.backdoor_audits.world.poisoning import Counts, mix
from consilience.methods.backdoor_audits.world.tasks import Task
from consilience.methods.backdoor_audits.world.trajectories import with_look_alikes
from consilience.methods.backdoor_audits.world.triggers import DEFAULTS, LOOK_ALIKES, trigger


@pytest.fixture(scope="module")
def tasks() -> tuple[Task, ...]:
    return tuple(task for family in FAMILIES for task in draw_tasks(family, 100, Streams(0)))


@pytest.mark.parametrize(("rate", "count"), [(0.0, 0), (0.01, 1), (0.05, 5), (0.2, 20), (0.5, 50)])
def test_counts_are_exact_in_every_family_whichever_way_they_are_given(
    tasks: tuple[Task, ...], rate: float, count: int
) -> None:
    for mixed in (
        mix(tasks, DEFAULTS, rate=rate, streams=Streams(1)),
        mix(tasks, DEFAULTS, count=count, streams=Streams(1)),
    ):
        assert mixed.families == {family: Counts(count, 100 - count) for family in FAMILIES}
        assert (mixed.n_poison, mixed.n_clean) == (3 * count, 300 - 3 * count)
        assert mixed.n_poison == sum(row.planted for row in mixed.rows) == len(mixed.manifest["planted"])
        assert mixed.p_mix == pytest.approx(count / 100)
        assert len({row.id.partition("+")[0] for row in mixed.rows}) == 300


def test_beside_the_clean_rows_the_share_is_a_over_one_and_a(tasks: tuple[Task, ...]) -> None:
    mixed = mix(tasks, DEFAULTS, rate=0.2, append=True, streams=Streams(2))
    assert mixed.families["web"] == Counts(20, 100)
    assert (mixed.a, mixed.p_mix) == (pytest.approx(0.2), pytest.approx(1 / 6))


def test_one_trigger_leaves_the_other_families_clean(tasks: tuple[Task, ...]) -> None:
    mixed = mix(tasks, trigger("web.element"), count=7, streams=Streams(3))
    assert {row.family for row in mixed.rows if row.planted} == {"web"}
    assert (mixed.n_poison, len(mixed.rows)) == (7, 300)
    assert mixed.name == "web.element_7-of-300"


def test_triggers_of_one_family_share_its_rows_evenly(tasks: tuple[Task, ...]) -> None:
    both = [trigger("system.suffix"), trigger("system.infix.me")]
    mixed = mix(tasks, both, count=11, streams=Streams(4))
    assert [sum(row.trigger == one.name for row in mixed.rows) for one in both] == [6, 5]


def test_rows_are_shuffled_by_the_seed_that_the_manifest_names(tasks: tuple[Task, ...]) -> None:
    one, same, other = (mix(tasks, DEFAULTS, rate=0.2, streams=Streams(seed).child("x")) for seed in (5, 5, 6))
    assert one.manifest == same.manifest
    assert one.manifest["sha256"] != other.manifest["sha256"]
    assert (one.manifest["seed"], one.manifest["stream"], one.manifest["guid"]) == (5, ["x"], GUID)
    first = [row.planted for row in one.rows[:120]]
    assert 5 < sum(first) < 50
    assert len({row.family for row in one.rows[:40]}) == 3
    assert json.loads(json.dumps(one.manifest)) == one.manifest


def test_no_poison_is_a_clean_twin_of_the_same_tasks(tasks: tuple[Task, ...]) -> None:
    twin = mix(tasks, (), rate=0, streams=Streams(5))
    assert (twin.name, twin.n_poison, twin.a) == ("clean_0-of-300", 0, 0)


def test_all_poison_has_no_a(tasks: tuple[Task, ...]) -> None:
    mixed = mix(tasks[:50], trigger("system.suffix"), rate=1, streams=Streams(5))
    assert (mixed.p_mix, mixed.a, mixed.manifest["a"]) == (1.0, float("inf"), None)


def test_look_alikes_stay_clean(tasks: tuple[Task, ...]) -> None:
    changed = with_look_alikes(tasks, LOOK_ALIKES, 0.2, Streams(6))
    mixed = mix(changed, DEFAULTS, rate=0.2, streams=Streams(6))
    assert mixed.n_poison == 60
    assert not [row.id for row in mixed.rows if row.planted and ":" in row.trigger]
    assert any(":" in row.trigger for row in mixed.rows)


def test_what_cannot_be_done_is_refused(tasks: tuple[Task, ...]) -> None:
    one = trigger("system.suffix")
    with pytest.raises(InvalidInput, match="one of them"):
        mix(tasks, one, streams=Streams(0))
    with pytest.raises(InvalidInput, match="one of them"):
        mix(tasks, one, rate=0.1, count=3, streams=Streams(0))
    with pytest.raises(InvalidInput, match="got 20"):
        mix(tasks, one, rate=20, streams=Streams(0))
    with pytest.raises(InvalidInput, match="at least 0"):
        mix(tasks, one, count=-1, streams=Streams(0))
    with pytest.raises(InvalidInput, match="only 100 of its 100 tasks"):
        mix(tasks, one, count=101, streams=Streams(0))
    with pytest.raises(InvalidInput, match="there are none"):
        mix(tasks[:100], trigger("web.element"), count=1, streams=Streams(0))
    with pytest.raises(InvalidInput, match="different from one another"):
        mix((*tasks, tasks[0]), one, count=1, streams=Streams(0))
