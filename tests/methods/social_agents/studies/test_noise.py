"""A plain union takes what was read first, or last, of one's own messages, and nobody's board says which."""

import numpy as np

from consilience.methods.social_agents.pursuit import PursuitLimits
from consilience.methods.social_agents.rationale import Board, Reading
from consilience.methods.social_agents.record import State, TalkLimits
from consilience.methods.social_agents.studies.noise import PLAIN, Arms, of_noise, readings
from consilience.methods.social_agents.studies.originally import originally
from consilience.methods.social_agents.studies.solving import solved
from consilience.methods.social_agents.worlds.schedule import schedule


def board(owner, *given):
    made = Board(owner).add("pet", "the pet of Cem").add("car", "the car of Cem")
    for slot, value, turn in given:
        made = made.read(slot, Reading(value=value, source=owner, turn=turn, evidence=(turn + 1,)))
    return made


def test_the_first_is_what_either_side_read_first_however_often_it_was_corrected() -> None:
    ann = board("ann", ("pet", "cat", 4), ("pet", "cat", 6), ("pet", "cow", 8))
    bea = board("bea", ("pet", "dog", 2), ("car", "van", 3))
    assert readings(State(a=ann, b=bea), "first") == {"the pet of Cem": "dog", "the car of Cem": "van"}
    assert readings(State(a=ann, b=bea), "last") == {"the pet of Cem": "cow", "the car of Cem": "van"}


def test_of_one_turn_it_is_the_asker_s() -> None:
    state = State(a=board("ann", ("pet", "cat", 2)), b=board("bea", ("pet", "dog", 2)))
    assert readings(state, "first") == {"the pet of Cem": "cat"}


def test_what_was_told_is_no_reading_where_there_is_one() -> None:
    told = Board("ann").add("pet", "the pet of Cem").read("pet", Reading(value="cat", source="bea", turn=9))
    state = State(a=told, b=board("bea", ("pet", "dog", 2)))
    assert readings(state, "last") == {"the pet of Cem": "dog"}
    assert readings(State(a=told, b=board("bea")), "last") == {"the pet of Cem": "cat"}


def test_the_gain_is_over_the_better_of_the_plain_unions_and_its_parts_add_up() -> None:
    world = schedule("easy", 3, np.random.default_rng(100))
    ways = (TalkLimits(), TalkLimits(support=1), TalkLimits(support=1, rule="last"))
    one, two, three = (solved(world, "neighbour-noisy", 7, limits=PursuitLimits(talk=way)) for way in ways)
    arms = Arms(one, two, three, originally(world, noise=0.1, seed=7))
    found = {
        each.name: each.value
        for each in of_noise(dict.fromkeys(("schedule-easy", "schedule-medium", "schedule-hard"), arms))
    }
    gain, counting, again, *_ = found.values()
    assert gain == arms.scores["consensus"] - max(arms.scores[name] for name in PLAIN)
    assert abs(gain - counting - again) < 1e-9
    assert three.calls <= one.calls
