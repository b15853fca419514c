"""What came to whom is kept apart by channel, and what members read of their own is no leak."""

from dataclasses import replace

import numpy as np

from consilience.methods.social_agents.manners import PLAYERS
from consilience.methods.social_agents.studies.overhearing import Got, Overheard, overheard, ran, search
from consilience.methods.social_agents.studies.secrets import Secret, spelling, with_secrets
from consilience.methods.social_agents.studies.success import SETS

SECRET = Secret("t", "ann", frozenset({"ann", "bea"}), "bcdfghjklmnp", "40718265", never=False)


def test_only_what_others_got_is_searched_and_it_is_counted_by_channel() -> None:
    got, found = Got(), Overheard()
    got.put("texts", "bea", "bcdfghjklmnp")
    got.put("texts", "cem", "nothing", "at all")
    got.put("log", "cem", "b c d f g h j k l m n p")
    got.put("prompts", "ann", "bcdfghjklmnp")
    search(got, [SECRET], found)
    assert found.crossings == ["t: log"]
    assert found.crossed("log") == 1
    assert found.looked_at == {"texts": 2, "log": 1, "prompts": 0}
    assert found.leaked == found.exposed == found.both == 1


def test_a_task_of_one_name_is_a_run_in_each_world_where_it_was_pursued() -> None:
    total = Overheard()
    for _ in range(50):  # each is dropped before the next is made, and may stand where it stood
        got, found = Got(), Overheard()
        got.put("log", "cem", SECRET.word)
        got.put("prompts", "ann", SECRET.word)
        search(got, [SECRET], found)
        total.add(found)
    silent = Got()
    silent.put("prompts", "ann", SECRET.word)
    search(silent, [SECRET], total)
    assert (total.exposed, total.leaked, total.both) == (51, 50, 50)


def test_talks_bring_something_over_every_channel() -> None:
    world = SETS["needle-3"](1, np.random.default_rng(0))
    found = overheard(world, PLAYERS["neighbour"], np.random.default_rng(1))
    wanted = {"texts on the wire", "utterances", "nested utterances", "facts as data", "nested facts as data"}
    wanted |= {"plan boards", "turns that are watched", "conclusions and reasons", "audit log", "transcript", "prompts"}
    wanted |= {"slots that were shared"}
    assert wanted <= {name for name, count in found.looked_at.items() if count}
    assert not found.crossings


def test_what_an_asker_s_model_puts_into_a_slot_reaches_nobody() -> None:
    world = SETS["needle-1"](2, np.random.default_rng(0))
    askers = tuple(
        replace(task, slots=tuple(replace(one, holder=task.asker) for one in task.slots)) for task in world.tasks
    )
    planted, secrets = with_secrets(replace(world, tasks=askers), np.random.default_rng(1))
    found, talks = Overheard(), 0
    for one in ran(replace(planted, tasks=world.tasks), secrets, spelling("in a slot")):
        search(one.got, [secret for secret in secrets if secret.task == one.task.id], found)
        talks += len(list(one.pursuit.root))
    assert found.exposed == len(world.tasks)
    assert found.crossings == []
    assert talks == len(world.tasks)  # and so nobody else was asked
