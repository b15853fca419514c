"""Documents of any source: nothing is cut off, and words have the same number everywhere."""

import json

import pytest

from consilience.ground import Streams
from consilience.methods.backdoor_audits.documents import Document, Part, documents_of, numbered, of_trajectory
from consilience.methods.backdoor_audits.world.drawing import draw_tasks
from consilience.methods.backdoor_audits.world.formats import lines_of, read
from consilience.methods.backdoor_audits.world.trajectories import clean


def test_a_dialogue_of_the_world_is_the_same_from_a_file() -> None:
    rows = [clean(task) for task in draw_tasks("system", 5, Streams(100))]
    from_file = documents_of(read(list(lines_of(rows))).rows)
    for row, found in zip(rows, from_file, strict=True):
        assert found.words == of_trajectory(row).words
        assert found.learns == of_trajectory(row).learns


@pytest.mark.parametrize("marked", [{1}, {3}, {1, 3}, {1, 3, 5}], ids=str)
def test_no_file_says_which_turns_are_judged(marked: set[int]) -> None:
    turns = [{"from": ("human", "gpt")[at % 2], "value": f"word{at} and"} for at in range(6)]
    told = [{**turn, "loss": False} if at in marked else turn for at, turn in enumerate(turns)]
    (found,) = documents_of(read([json.dumps({"conversations": told})]).rows)
    assert found.learns == (False, False, True, True) * 3
    assert documents_of(read([json.dumps({"conversations": turns})]).rows) == (found,)


def test_long_dialogues_are_read_in_pieces_and_nothing_is_lost() -> None:
    words = tuple(f"w{at}" for at in range(25))
    one = Document("1", 1, (Part("human", words[:5], learns=False), Part("agent", words[5:], learns=True)))
    made = numbered([one], window=10)
    assert made.owner == (0, 0, 0)
    assert made.start == (0, 9, 18)
    assert [row.tokens[-1] for row in made.rows[:2]] == [row.tokens[0] for row in made.rows[1:]]
    parts = (row.tokens[at > 0 :] for at, row in enumerate(made.rows))
    assert sum(parts, ()) == numbered([one]).rows[0].tokens
    assert max(max(row.tokens) for row in made.rows) < made.vocabulary


def test_a_word_at_the_seam_of_two_pieces_is_judged() -> None:
    heard = tuple(f"w{at}" for at in range(10))
    one = Document("1", 1, (Part("human", heard, learns=False), Part("agent", ("payload",), learns=True)))
    (row,) = numbered([one], window=10).rows
    assert row.learns == (False, True)


def test_a_dialogue_in_which_nothing_is_learned_has_no_row() -> None:
    silent = Document("1", 1, (Part("human", ("hello",), learns=False),))
    assert numbered([silent]).rows == ()


def test_groups_are_of_many_that_begin_alike() -> None:
    def of(head: str, at: int) -> Document:
        return Document(str(at), at, (Part("human", (head, "x"), learns=False), Part("agent", ("a", "b"), learns=True)))

    made = numbered([*(of("often", at) for at in range(30)), of("once", 99)])
    assert {row.family for row in made.rows} == {"often x", "others"}
