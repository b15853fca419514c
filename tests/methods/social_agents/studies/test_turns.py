"""The study of turns, in a small town: a talk of thirty utterances, and that facts lie among other messages."""

import time

import pytest

from consilience.ground import RunFolder, Streams
from consilience.methods.social_agents.config import Config
from consilience.methods.social_agents.responder import neighbour
from consilience.methods.social_agents.studies import turns as study
from consilience.methods.social_agents.studies.place import in_place
from consilience.methods.social_agents.studies.turns import FACTS, TURNS, among, turns


@pytest.fixture(scope="module")
def place():
    return in_place(Config(), Streams(0))


def test_two_busy_people_are_told_half_of_the_facts_each(place):
    world = among(place, Streams(0))
    task = world.tasks[0]
    assert len(world.messages) == len(place.messages)
    assert (task.asker, task.partner) in world.contacts
    holders = [slot.holder for slot in task.slots]
    assert holders.count(task.asker) == holders.count(task.partner) == FACTS // 2
    for handle in (task.asker, task.partner):
        assert handle in place.by_handle
        assert len(world.seen_by(handle)) > 100
        others = {line.text for line in world.messages} - {text for _, text in world.said(world.seen_by(handle))}
        assert others


def test_bars_are_half_of_the_original_and_costs_are_of_thirty_turns(tmp_path, monkeypatch):
    monkeypatch.setattr("consilience.methods.social_agents.studies.place.ENOUGH", 4000)
    found = turns(Config(), Streams(0), RunFolder(tmp_path, quiet=True))
    bars = ["at most 1 s", "", "at most 61.5", "at most 290500", "at most 60 s", "at least 100 %", ""]
    assert [one.bar for one in found.measurements] == bars
    named = {one.name: one for one in found.measurements}
    assert named["calls of a talk"].holds
    assert named["characters of all its prompts"].holds
    assert named["talks that end with the right answer"].holds
    assert TURNS - 2 <= named["utterances of a talk"].value <= study.MOST_TURNS
    reckoned = named["time of a talk at a second a call"]
    assert reckoned.note.startswith("reckoned")
    assert reckoned.value > named["calls of a talk"].value


def test_a_model_that_takes_its_time_is_waited_for_and_not_counted(place):
    cost = study._talked(among(place, Streams(0)), 0, 0.01)
    assert cost.whole_s >= 0.01 * cost.calls
    assert cost.own_s < cost.whole_s - 0.009 * cost.calls
    assert 0 < cost.model_cpu_s < cost.whole_s


def test_time_of_the_processor_is_the_talk_s_and_not_the_stand_in_s(place, monkeypatch):
    def slow(question, chance):
        until = time.process_time() + 0.02
        while time.process_time() < until:
            pass
        return neighbour(question, chance)

    monkeypatch.setattr(study, "neighbour", slow)
    cost = study._talked(among(place, Streams(0)), 0, 0.0)
    assert cost.model_cpu_s >= 0.02 * cost.calls
    assert cost.cpu_s < cost.whole_s - 0.02 * cost.calls
