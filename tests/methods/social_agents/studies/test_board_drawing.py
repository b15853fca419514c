"""The picture of a plan board: a cell is coloured from the turn on at which its value was known, by whence it came."""

from consilience.ground import Streams
from consilience.methods.social_agents.rationale import Board, Reading
from consilience.methods.social_agents.studies.board_drawing import (
    OWN,
    OWN_COLOUR,
    TOLD,
    TOLD_COLOUR,
    UNKNOWN,
    draw_boards,
    draw_scores,
    known_at,
)
from consilience.methods.social_agents.studies.solving import solved
from consilience.methods.social_agents.studies.success import SETS


def test_a_slot_is_known_from_its_first_right_reading_on_and_says_whence() -> None:
    board = Board("ann").add("place", "the place").add("hour", "the hour").add("price", "the price")
    board = board.read("place", Reading(value="Oak Street", source="bea", turn=2))
    board = board.read("hour", Reading(value="7", source="ann", evidence=(3,), turn=0))
    assert known_at(board, 3) == [[UNKNOWN, UNKNOWN, TOLD, TOLD], [OWN] * 4, [UNKNOWN] * 4]


def test_what_is_in_doubt_at_the_end_counts_as_unknown() -> None:
    board = Board("ann", support=2).add("place", "the place")
    board = board.read("place", Reading(value="Oak Street", source="bea", turn=1))
    assert known_at(board, 2) == [[UNKNOWN] * 3]


def test_boards_of_a_talk_stand_side_by_side_with_what_each_side_had_of_its_own() -> None:
    (pursuit,) = solved(SETS["schedule-hard"](1, Streams(0).generator("world"))).pursuits.values()
    canvas = draw_boards(pursuit.root.talk)
    asks, other = canvas.axes
    assert asks.get_title(loc="left") == "who asks: 18 of 18 known"
    assert len(asks.get_yticklabels()) == 18
    for axes in (asks, other):
        widths = [bar.get_width() for bar in axes.patches]
        assert len(widths) == 2 * 18
        assert max(widths) == len(pursuit.root.talk.utterances) + 1
    assert [text.get_text() for text in canvas.legends[0].get_texts()][:2] == [
        "read in own messages", "told by the other side",
    ]  # fmt: skip
    assert OWN_COLOUR != TOLD_COLOUR


def test_the_first_way_is_the_first_of_the_legend() -> None:
    scores = {"easy": [("ours", 1.0), ("alone", 0.2)], "hard": [("ours", 0.9), ("alone", 0.1)]}
    canvas = draw_scores(scores)
    assert [text.get_text() for text in canvas.legends[0].get_texts()] == ["ours", "alone"]
    assert [list(line.get_xdata()) for line in canvas.axes[0].lines if line.get_label() == "ours"] == [[1.0, 0.9]]
