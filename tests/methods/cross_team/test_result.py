from itertools import permutations

from consilience.dialogue.messages import Reply, Usage
from consilience.dialogue.work.artifact import Artifact
from consilience.methods.cross_team.result import Cell, Made, Result

MADE = (
    Made("A/draft", Artifact("def f():\n    return 1\n"), ()),
    Made("B/draft", Artifact("def g():\n    return 2\n"), ()),
    Made("drafts+0.0", Artifact("def f():\n    return 1\n\ndef g():\n    return 2\n"), ("A/draft", "B/draft")),
    Made("A/better", Artifact("def f():\n    return 1\n\ndef g():\n    return 3\n"), ("drafts+0.0",)),
)


def result(made=MADE, **how):
    rest = {"rating": None, "winner": "A", "why": "", "teams": {}, "matrix": {}, **how}
    return Result(outcome="done", artifact=MADE[-1].artifact, made=tuple(made), **rest)


def cell(*replies):
    made = Cell()
    for reply in replies:
        made.calls += 1
        made.count(reply)
    return made


def test_the_lineage_is_the_same_in_whichever_order_works_were_made():
    digests = {result(made).lineage.digest for made in permutations(MADE)}
    assert len(digests) == 1


def test_the_lineage_answers_for_every_function():
    found = result()
    origins = {part: str(origin) for part, origin in found.lineage.of(found.artifact).items()}
    assert origins == {"answer": "team A", "answer::f": "team A", "answer::g": "team A"}
    assert {str(origin) for origin in found.lineage.of(MADE[2].artifact).values()} == {
        "merge drafts+0.0",
        "team A",
        "team B",
    }


def test_what_the_journal_answers_costs_nothing():
    paid = Reply(text="", model="m", usage=Usage(10, 5, 0.5))
    kept = Reply(text="", model="m", usage=Usage(20, 5, 0.5), replayed=True)
    one = cell(paid, kept)
    assert (one.calls, one.replayed, one.tokens, one.usd) == (2, 1, 40, 0.5)


def test_what_a_run_spent_is_that_of_teams_and_merges():
    paid = Reply(text="", model="m", usage=Usage(10, 5, 0.5))
    spent = result(
        matrix={"A": {"draft": cell(paid)}, "B": {"draft": cell(paid, paid)}}, merges={"x+0.0": cell(paid)}
    ).spent
    assert (spent.calls, spent.input_tokens, spent.output_tokens, spent.usd) == (4, 40, 20, 2.0)
