"""The account: bills add up, the graph has no circles, and what was said is found where it was said."""

from pathlib import Path

import pytest

from consilience.dialogue.transcript import Event
from consilience.methods.cross_team.account import END, Account, merges_of
from consilience.methods.cross_team.job import Job, found
from consilience.methods.cross_team.outcome import accounted


def account(folder: Path, **settings) -> tuple[Job, Account]:
    job = found(folder)
    with job.journal(replay_only=True) as journal:
        events = settings.pop("events", job.folder.events())
        if settings or not events:
            return job, Account(job.plan, journal, events, **settings)
        return job, accounted(job, journal, events)


def test_bills_add_up(ran: Path) -> None:
    job, made = account(ran)
    total, facts = made.bill, job.folder.result()
    for parts in (made.rows, made.cells, made.bills):
        assert sum(bill.calls for bill in parts.values()) == total.calls == facts["calls"]
        assert sum(bill.output_tokens for bill in parts.values()) == total.output_tokens
    assert made.digests()["+"] == facts["digest"]


def test_every_team_leads_to_its_meetings_and_the_best_to_the_result(ran: Path) -> None:
    job, made = account(ran)
    run, facts = made.run, job.folder.result()  # a circle would be an error
    assert [node.id for node in made.nodes if node.kind == "team"] == [
        f"{team}/{step}" for team in "ABCD" for step in ("demand", "language", "coding", "completion", "review", "test")
    ]
    assert [edge.source for edge in run.incoming[END]] == [f"{facts['winner']}/test"]
    for merge in merges_of(facts["meetings"]):
        assert len(run.incoming[merge["element"]]) == len(merge["parents"])
    assert [edge.source for edge in run.incoming["A/completion"]] == ["drafts+1.0"]
    assert next(node for node in made.nodes if node.id == END).state == "done"


def test_what_was_said_is_found(ran: Path) -> None:
    _, made = account(ran)
    assert [turn.speaker for turn in made.said("A/demand")] == ["analyst", "client", "analyst"]
    assert {turn.speaker for turn in made.said("drafts+0.0")} == {"aggregator"}
    assert next(turn.note for turn in made.turns["A/review"]) == "comment, cycle 1"
    assert {turn.note.partition(",")[0] for turn in made.said("C/review/comment")} == {"comment"}
    assert made.said("Z/nothing") == []


def test_a_run_that_was_cut_off_has_what_it_has(ran: Path) -> None:
    _, made = account(ran, events=[])
    assert {node.state for node in made.nodes} == {"waiting"}
    assert made.bill.calls > 20
    kept = [Event("0", 0.0, "asked", "A/demand"), Event("1", 1.0, "failed", "A", (), {"reason": "nobody"})]
    _, made = account(ran, events=kept, over=True)
    failed = next(node for node in made.nodes if node.id == "A/demand")
    assert (failed.state, failed.note) == ("failed", "nobody")
    assert made.run.incoming["drafts+1.0"] == []  # how works were merged is known at the end


def test_a_merge_that_was_refused_says_what_passes(ran: Path) -> None:
    meetings = [dict(one) for one in found(ran).folder.result()["meetings"]]
    meetings[0]["merges"] = [dict(one) for one in meetings[0]["merges"]]
    last = meetings[0]["merges"][-1]
    last.update(accepted=False, gives="B", reason="it is empty")
    meetings[0]["gave"] = dict.fromkeys("ABCD", "B")
    _, made = account(ran, meetings=meetings, winner="B")
    node = next(node for node in made.nodes if node.id == last["element"])
    assert (node.state, node.note) == ("skipped", "B passes instead: it is empty")
    assert [edge.source for edge in made.run.incoming["C/completion"]] == [last["element"]]


@pytest.mark.parametrize("words", [("--own-merges",), ("--final", "merge"), ("--teams", 1)])
def test_other_plans_have_graphs_too(typed, words: tuple) -> None:
    assert typed("run", "--out", "run", "--quiet", *words) == 0
    job, made = account(Path("run"))
    merges = {merge["element"] for merge in merges_of(job.folder.result()["meetings"])}
    assert {node.id for node in made.nodes if node.kind == "merge"} == merges
    assert len(made.run.incoming[END]) == 1
