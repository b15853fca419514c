"""The bill: sums of calls, and no money where one price is missing."""

from consilience.dialogue.command.bill import bill_of, spent_facts, spent_told
from consilience.dialogue.history import Call
from consilience.dialogue.messages import Finish, Message, Question, Reply, Usage


def call(usd: float, *, priced: bool = True, latency_s: float = 0.5, finish: Finish = "stop") -> Call:
    usage = Usage(3, 2, usd)
    reply = Reply(text="ok", model="m", usage=usage, latency_s=latency_s, priced=priced, finish=finish)
    return Call(b"key", Question("7", (Message("user", ("Hello",)),)), "m", reply, 1.0)


def test_calls_add_up() -> None:
    bill = bill_of([call(0.25), call(0.5)])
    assert (bill.calls, bill.input_tokens, bill.output_tokens, bill.usd, bill.seconds) == (2, 6, 4, 0.75, 1.0)


def test_one_price_that_is_missing_leaves_the_sum_unknown() -> None:
    assert bill_of([call(0.25), call(0.0, priced=False)]).usd is None


def test_what_was_spent_is_told_as_it_was_counted() -> None:
    bill = bill_of([call(0.25), call(0.5)])
    facts = spent_facts(bill, replayed=1, seconds=1.23456, critical=(0.5, ["7"]))
    assert (facts["calls"], facts["seconds"], facts["critical_path"]) == (2, 1.235, ["7"])
    spent, time = spent_told(facts)
    assert spent.startswith("2 calls, 1 of them from the journal; 6 + 4 tokens; ")
    assert time == "1.2 s; the critical path's calls took 0.5 s"
    assert spent_told({**facts, "replayed": 0})[0].startswith("2 calls; ")


def test_replies_that_were_cut_are_counted_and_told() -> None:
    bill = bill_of([call(0.25, finish="length"), call(0.5), call(0.0, finish="length")])
    facts = spent_facts(bill, replayed=0, seconds=1.0, critical=(0.5, []))
    assert facts["cut"] == 2
    assert spent_told(facts)[0].endswith("; 2 replies were cut by the limit on tokens (--max-tokens)")
    del facts["cut"]  # as an earlier version wrote it
    assert spent_told(facts)[0] == "3 calls; 9 + 6 tokens; $0.75"
