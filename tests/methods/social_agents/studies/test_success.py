"""Scores, the union in which nobody cross-checks, and what stands beside them."""

from consilience.ground import RunFolder, Streams
from consilience.methods.social_agents.config import Config
from consilience.methods.social_agents.rationale import Board, Reading
from consilience.methods.social_agents.record import State
from consilience.methods.social_agents.references import REFERENCES
from consilience.methods.social_agents.studies.success import SETS, first_readings, success


def board(owner, *readings):
    made = Board(owner).add("pet", "the pet of Cem").add("car", "the car of Cem")
    for slot, value, turn in readings:
        made = made.read(slot, Reading(value=value, source=owner, turn=turn, evidence=(turn + 1,)))
    return made


def test_a_plain_union_takes_what_either_side_read_first_however_often_it_was_corrected() -> None:
    ann = board("ann", ("pet", "cat", 4), ("pet", "cat", 6), ("pet", "cat", 8))
    bea = board("bea", ("pet", "dog", 2), ("car", "van", 3))
    assert first_readings(State(a=ann, b=bea)) == {"the pet of Cem": "dog", "the car of Cem": "van"}


def test_a_plain_union_of_one_turn_is_the_asker_s() -> None:
    state = State(a=board("ann", ("pet", "cat", 2)), b=board("bea", ("pet", "dog", 2)))
    assert first_readings(state) == {"the pet of Cem": "cat"}


def test_each_set_has_a_score_an_oracle_and_all_references(tmp_path) -> None:
    config = Config(success_tasks=1, success_noisy_tasks=1)
    evidence = success(config, Streams(0), RunFolder(tmp_path, quiet=True))
    names = [one.name for one in evidence.measurements]
    assert {f"score on {name}" for name in SETS} | {f"one memory for all on {name}" for name in SETS} < set(names)
    assert all(one.holds for one in evidence.measurements if one.name.startswith(("score", "one memory")))
    assert set(REFERENCES) < set(evidence.tables[0].columns)
