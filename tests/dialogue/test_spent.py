"""Spent: what a journal answers costs nothing now, and sums are over all."""

import pickle

from consilience.dialogue.messages import Reply, Usage
from consilience.dialogue.spent import Costs, Spent, spent_by

PAID = Reply(text="", model="m", usage=Usage(10, 5, 0.5))
KEPT = Reply(text="", model="m", usage=Usage(20, 4, 0.25), replayed=True)


def tally(*replies: Reply) -> Costs:
    made = Costs()
    for reply in replies:
        made.calls += 1
        made.count(reply)
    return made


def test_what_the_journal_answers_is_counted_and_not_paid() -> None:
    one = tally(PAID, KEPT)
    assert (one.calls, one.replayed, one.input_tokens, one.output_tokens, one.usd) == (2, 1, 30, 9, 0.5)


def test_what_ran_out_of_tokens_is_counted() -> None:
    cut = Reply(text="And then", model="m", finish="length")
    assert spent_by([tally(PAID, cut), tally(cut)]).cut == 2


def test_a_question_without_a_reply_was_asked() -> None:
    one = tally(PAID)
    one.calls += 1
    assert spent_by([one]) == Spent(calls=2, replayed=0, input_tokens=10, output_tokens=5, usd=0.5)


def test_a_run_spent_what_its_elements_did() -> None:
    parts = [tally(PAID), tally(PAID, PAID), tally(KEPT), tally()]
    assert spent_by(iter(parts)) == Spent(calls=4, replayed=1, input_tokens=50, output_tokens=19, usd=1.5)


class Longer(Costs):
    """A room's own."""

    __slots__ = ("longest",)


def test_a_tally_of_a_room_goes_to_another_process_and_back() -> None:
    made = Longer()
    made.longest = 7
    made.count(PAID)
    again = pickle.loads(pickle.dumps(made))
    assert (again.longest, again.input_tokens, hasattr(again, "__dict__")) == (7, 10, False)
