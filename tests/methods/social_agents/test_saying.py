"""What is said is what the board knows, whatever the model says; a question is put where there is one to put."""

from consilience.methods.social_agents.rationale import Board, Reading
from consilience.methods.social_agents.reading import Fact, TurnReply
from consilience.methods.social_agents.retrieval import Found
from consilience.methods.social_agents.saying import LONGEST_SAID, put


def board(*values, support=1):
    made = Board("ann", support=support).add("place", "the place of the dinner").add("time", "the time of the dinner")
    for turn, value in enumerate(values):
        made = made.read("place", Reading(value=value, source="ann", evidence=(7,), turn=turn))
    return made


def said(known, say, *facts, asked=True, question=None):
    reply = TurnReply(facts=tuple(Fact("place", value, 0.9, (7,)) for value in facts), say=say)
    return put(
        reply,
        known,
        other="bea",
        asked=known["place"] if asked else None,
        question=question,
        found=Found(),
        behind=lambda numbers: (),
    )


def test_the_model_s_own_words_stand_where_they_say_what_the_board_knows():
    move = said(board("Oak Street"), "On Oak Street, I hear!", "Oak Street")
    assert (move.say, move.declared) == ("On Oak Street, I hear!", (7,))
    assert [(one.value, one.vouched) for one in move.tells] == [("Oak Street", True)]
    assert move.plainly == "The place of the dinner is Oak Street."


def test_code_says_what_the_board_knows_where_the_model_says_another_thing():
    move = said(board("Oak Street", "Oak Street", "Elm Street"), "It is Elm Street.", "Elm Street")
    assert move.say == "The place of the dinner is Oak Street."


def test_what_is_not_known_is_said_to_be_lacking_and_a_question_is_put():
    known = board()
    move = said(known, "", question=known["time"])
    assert move.say == "I do not know the place of the dinner yet. Do you know the time of the dinner?"
    assert (move.lacks, move.asks, move.tells) == ("place", "time", ())


def test_the_other_side_is_not_told_what_it_told_itself():
    heard = board().read("place", Reading(value="Oak Street", source="bea", turn=2, vouched=True))
    assert said(heard, "It is Oak Street.", "Oak Street").tells == ()


def test_nobody_goes_on_for_ever():
    assert len(said(board(), "so " * 10_000, asked=False).say) <= LONGEST_SAID
