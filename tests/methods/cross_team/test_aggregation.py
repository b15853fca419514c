import asyncio
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilience.dialogue.journal import Journal
from consilience.dialogue.transcript import Transcript
from consilience.dialogue.work.artifact import Artifact
from consilience.dialogue.work.kinds.text import Text
from consilience.dialogue.work.merging import merge_calls
from consilience.ground.errors import InvalidInput, UnknownName
from consilience.methods.cross_team.aggregation import Meeting, conclude
from consilience.methods.cross_team.guard import Candidate, Merged
from consilience.methods.cross_team.merge_tree import Aggregator
from consilience.methods.cross_team.rating import Rating
from consilience.methods.cross_team.spec import Chain, Key, Phase, Plan, team_names, teams


@dataclass(frozen=True, kw_only=True)
class Marked(Rating):
    mark: float = 0.0

    @property
    def value(self):
        return self.mark


class Marks:
    """Rates work by the number that it begins with."""

    async def rate(self, artifact):
        return Marked(usable=True, mark=float(artifact.text.partition(" ")[0]))


class Brackets:
    """Merges works by writing them in brackets, as good as the best of them."""

    def __init__(self, wait_s=0.0, error=None):
        self.wait_s, self.error, self.asked, self.cancelled = wait_s, error, [], 0

    async def __call__(self, element, parents, after):
        self.asked.append(element)
        try:
            await asyncio.sleep(self.wait_s)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.error is not None:
            raise self.error
        inner = " ".join(parent.artifact.text.partition(" ")[2] for parent in parents)
        return Merged(Artifact(f"{max(parent.rating.value for parent in parents)} ({inner})"), after)


def plan_of(count, **how):
    phase = Phase(name="draft", assistant="writer", prompt="{task}")
    return Plan(chain=Chain(steps=(phase,), roles={"writer": "You write."}), teams=teams(count), **how)


def meeting_of(count, *, merge=None, key=None, run=None, **how):
    key = Key(name="coding", **(key or {}))
    return Meeting(key, plan_of(count, **how), kind=Text(), rater=Marks(), merge=merge or Brackets(), **(run or {}))


def work_of(name, mark=0.5):
    return Artifact(f"{mark} {name}")


async def come(meeting, names, mark=lambda name: 0.5):
    """Let teams come one after the other, and return what each goes on with."""
    coming = {}
    for name in names:
        coming[name] = asyncio.create_task(meeting.meet(name, work_of(name, mark(name)), element=f"{name}/draft"))
        await asyncio.sleep(0.001)
    return {name: await task for name, task in coming.items()}


def met(names, mark=lambda name: 0.5, **how):
    async def run():
        meeting = meeting_of(how.pop("count", len(names)), **how)
        return await asyncio.wait_for(come(meeting, names, mark), 5), meeting.facts

    return asyncio.run(run())


def without_times(facts):
    return facts.members, facts.late, facts.absent, facts.dropped, facts.merges, facts.gave


@pytest.mark.parametrize("shared", [True, False])
@given(st.permutations("ABCDEF"))
def test_the_order_of_arrival_does_not_matter(shared, order):
    first, facts = met("ABCDEF", lambda name: ord(name) % 3 / 4, shared=shared)
    again, others = met(order, lambda name: ord(name) % 3 / 4, shared=shared)
    assert first == again
    assert without_times(facts) == without_times(others)


def test_all_go_on_with_one_result_where_it_is_shared():
    merge = Brackets()
    given_, facts = met("ABCDEFGH", merge=merge, group=4, prune=False)
    assert len(set(given_.values())) == 1
    assert {outcome.element for outcome in given_.values()} == {"coding+1.0"}
    assert all(outcome.state == "met" for outcome in given_.values())
    assert len(merge.asked) == merge_calls(8, 4) == 3
    assert facts.members == tuple("ABCDEFGH")
    assert set(facts.gave.values()) == {"coding+1.0"}


def test_each_goes_on_with_its_own_where_it_is_not():
    merge = Brackets()
    given_, facts = met("ABCDEF", merge=merge, shared=False, prune=False)
    assert len({outcome.artifact for outcome in given_.values()}) > 1
    assert len(merge.asked) == len(set(merge.asked)) == len(facts.merges)
    assert facts.gave == {name: outcome.name for name, outcome in given_.items()}


def test_copies_and_the_worse_half_are_not_merged_and_still_go_on_with_the_result():
    given_, facts = met("ABCDEFGH", lambda name: (ord(name) - 65) / 8)
    assert sorted(facts.dropped) == ["A", "B", "C", "D"]
    assert "better 4 of 8" in facts.dropped["A"]
    assert given_["A"] == given_["H"]
    assert "A" not in given_["A"].artifact.text


def test_a_team_alone_goes_on_with_its_own_work():
    merge = Brackets()
    given_, facts = met("A", merge=merge)
    assert given_["A"].artifact == work_of("A")
    assert (given_["A"].name, given_["A"].element, given_["A"].state) == ("A", "A/draft", "met")
    assert merge.asked == []
    assert facts.gave == {"A": "A"}


def test_waiting_is_measured():
    _, facts = met("ABC")
    assert list(facts.waited_s) == ["A", "B", "C"]
    assert facts.waited_s["A"] > facts.waited_s["B"] > facts.waited_s["C"] >= 0


# --- who does not come -------------------------------------------------------------------------------------------


def test_the_dead_keep_nobody_waiting():
    async def run():
        meeting = meeting_of(3)
        coming = asyncio.create_task(come(meeting, "CA"))
        await asyncio.sleep(0.01)
        meeting.withdraw("B")
        return await asyncio.wait_for(coming, 5), meeting.facts

    given_, facts = asyncio.run(run())
    assert (facts.members, facts.absent, facts.late) == (("A", "C"), ("B",), ())
    assert given_["A"].artifact.text == "0.5 (A C)"


def test_nobody_comes():
    async def run():
        meeting = meeting_of(2)
        meeting.withdraw("A")
        meeting.withdraw("B")
        return meeting.facts

    facts = asyncio.run(run())
    assert (facts.members, facts.absent, facts.merges) == ((), ("A", "B"), ())


@pytest.mark.parametrize(
    ("late", "state", "name"), [("join", "late", "B"), ("drop", "dropped", "B"), ("take", "took", "")]
)
@pytest.mark.parametrize("shared", [True, False])
def test_a_quorum_is_enough_and_late_teams_do_as_they_are_told(late, state, name, shared):
    given_, facts = met("CAB", key={"quorum": 2, "late": late}, shared=shared)
    assert (facts.members, facts.late, facts.absent) == (("A", "C"), ("B",), ())
    assert (given_["A"].state, given_["B"].state) == ("met", state)
    assert given_["B"].name == (name or given_["A"].name)
    assert given_["B"].artifact == (work_of("B") if name else given_["A"].artifact)
    assert "B" not in given_["A"].artifact.text


def test_a_deadline_ends_the_wait_for_a_team_that_hangs():
    given_, facts = met("AC", count=3, key={"deadline_s": 0.05})
    assert (facts.members, facts.absent) == (("A", "C"), ("B",))
    assert given_["A"].artifact.text == "0.5 (A C)"


def test_a_late_team_may_take_what_is_still_being_made():
    merge = Brackets(wait_s=0.02)
    given_, _ = met("ABC", merge=merge, key={"quorum": 2, "late": "take"})
    assert given_["C"].artifact == given_["A"].artifact
    assert len(merge.asked) == 1


def test_a_late_team_does_not_have_the_others_meet_again():
    async def run(transcript):
        how = {"key": {"quorum": 4, "late": "take"}, "run": {"transcript": transcript}, "shared": False}
        meeting = meeting_of(5, **how)
        await come(meeting, "ABCD")
        return await meeting.meet("E", work_of("E"))

    with Transcript() as transcript:
        assert asyncio.run(run(transcript)).state == "took"
        assert [event.kind for event in transcript.events()].count("met") == 1


def test_nothing_goes_on_for_teams_that_no_longer_wait():
    class Slow(Brackets):
        async def __call__(self, element, parents, after):
            self.wait_s = 60 if [parent.name for parent in parents] == ["B", "C"] else 0
            return await super().__call__(element, parents, after)

    async def run():
        merge = Slow()
        meeting = meeting_of(3, merge=merge, shared=False, seed=0)
        coming = {name: asyncio.create_task(meeting.meet(name, work_of(name))) for name in "ABC"}
        done, others = await asyncio.wait(coming.values(), timeout=0.2)
        assert done, "the seed must give some teams another pair"
        assert others, "and some this one"
        for other in others:
            other.cancel()
        await asyncio.wait(others)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(run())


# --- a run that is resumed ---------------------------------------------------------------------------------------


def test_who_took_part_is_kept_when_a_run_is_resumed(tmp_path):
    async def run(names, key):
        with Journal.open(tmp_path / "j", "run") as journal:
            meeting = meeting_of(3, key=key, run={"journal": journal})
            given_ = await asyncio.wait_for(come(meeting, names), 5)
            return given_, meeting.facts, journal.fingerprint()

    key = {"quorum": 2, "late": "take"}
    first, facts, print_ = asyncio.run(run("CAB", key))
    again, others, print_again = asyncio.run(run("BAC", key))
    assert first == again
    assert without_times(facts) == without_times(others)
    assert print_ == print_again


def test_who_took_part_is_known_before_anything_is_merged(tmp_path):
    async def stopped():
        with Journal.open(tmp_path / "j", "run") as journal:
            merge = Brackets(wait_s=10)
            meeting = meeting_of(3, merge=merge, key={"quorum": 2}, run={"journal": journal})
            coming = asyncio.create_task(come(meeting, "CB"))
            while not merge.asked:
                await asyncio.sleep(0.001)
            kept = journal.artifact("coding+")
            coming.cancel()
            for name in "BC":
                assert name in kept.text
            return kept.kind

    assert asyncio.run(stopped()) == "meeting"


def test_a_meeting_of_all_leaves_no_record_for_it_depends_on_nothing(tmp_path):
    async def run():
        with Journal.open(tmp_path / "j", "run") as journal:
            await come(meeting_of(2, run={"journal": journal}), "AB")
            return [made.element for made in journal.artifacts()]

    assert asyncio.run(run()) == ["coding+0.0"]


def test_a_recorded_team_that_dies_on_resume_keeps_nobody_waiting(tmp_path):
    async def run(names, dead):
        with Journal.open(tmp_path / "j", "run") as journal:
            meeting = meeting_of(4, key={"quorum": 3}, run={"journal": journal})
            for name in dead:
                meeting.withdraw(name)
            return await asyncio.wait_for(come(meeting, names), 5), meeting.facts

    asyncio.run(run("ABC", ""))
    given_, facts = asyncio.run(run("DAC", "B"))
    assert (facts.members, facts.late, facts.absent) == (("A", "C"), ("D",), ("B",))
    assert given_["D"].state == "late"


def test_a_journal_that_may_only_be_read_is_not_written(tmp_path):
    async def run(**how):
        with Journal.open(tmp_path / "j", "run", **how) as journal:
            return await come(meeting_of(2, key={"quorum": 2}, run={"journal": journal}), "AB")

    assert asyncio.run(run()) == asyncio.run(run(replay_only=True))


# --- cancelling and failing --------------------------------------------------------------------------------------


def test_who_is_cancelled_has_come_and_the_others_go_on():
    async def run():
        meeting = meeting_of(3)
        alone = asyncio.create_task(meeting.meet("A", work_of("A")))
        await asyncio.sleep(0.01)
        alone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await alone
        return await asyncio.wait_for(come(meeting, "BC"), 5), meeting.facts

    given_, facts = asyncio.run(run())
    assert facts.members == ("A", "B", "C")
    assert sorted(facts.gave) == ["B", "C"]
    assert set(given_["B"].artifact.text) >= set("ABC")


def test_when_all_are_cancelled_nothing_goes_on():
    async def run():
        merge = Brackets(wait_s=60)
        meeting = meeting_of(2, merge=merge)
        coming = [asyncio.create_task(meeting.meet(name, work_of(name))) for name in "AB"]
        while not merge.asked:
            await asyncio.sleep(0.001)
        for team in coming:
            team.cancel()
        results = await asyncio.gather(*coming, return_exceptions=True)
        assert all(isinstance(result, asyncio.CancelledError) for result in results)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return merge.cancelled

    assert asyncio.run(run()) == 1


@pytest.mark.parametrize("shared", [True, False])
def test_a_bug_is_raised_for_all_who_wait(shared):
    async def run():
        meeting = meeting_of(4, merge=Brackets(error=ZeroDivisionError("a bug")), shared=shared)
        coming = [asyncio.create_task(meeting.meet(name, work_of(name))) for name in "ABCD"]
        return await asyncio.wait_for(asyncio.gather(*coming, return_exceptions=True), 5)

    assert [repr(result) for result in asyncio.run(run())] == ["ZeroDivisionError('a bug')"] * 4


def test_a_team_that_is_not_of_the_plan_is_refused():
    with pytest.raises(UnknownName, match="unknown team 'Z'"):
        met("Z")
    with pytest.raises(UnknownName):
        met("a", key={"quorum": 1})


# --- votes -------------------------------------------------------------------------------------------------------


def test_a_vote_says_whose_work_is_merged(tmp_path):
    ballots = []

    async def vote(ballot):
        ballots.append(ballot)
        return ["C", "A"]

    async def run(vote):
        with Journal.open(tmp_path / "j", "run") as journal:
            meeting = meeting_of(3, run={"journal": journal, "vote": vote})
            return await come(meeting, "BCA"), meeting.facts

    given_, facts = asyncio.run(run(vote))
    (ballot,) = ballots
    assert [candidate.name for candidate in ballot.candidates] == ["A", "B", "C"]
    assert ballot.proposed == ("A", "B", "C")
    assert given_["B"].artifact.text == "0.5 (A C)"
    assert facts.dropped == {"B": "the vote left it out"}
    again, _ = asyncio.run(run(vote))
    assert len(ballots) == 1  # what was decided is not asked again
    assert again == given_


def test_a_vote_may_agree_and_may_not_be_empty_or_for_strangers():
    def voting(answer):
        async def vote(_):
            return answer

        return met("AB", run={"vote": vote})

    assert voting(None)[0]["A"].artifact.text == "0.5 (A B)"
    with pytest.raises(InvalidInput, match="one candidate or more"):
        voting([])
    with pytest.raises(UnknownName, match="unknown candidate 'X'"):
        voting(["A", "X"])


# --- what is told ------------------------------------------------------------------------------------------------


def test_events_tell_who_met_and_what_came_of_it():
    with Transcript() as transcript:
        drafted = transcript.add("committed", "A/draft")

        async def run():
            meeting = meeting_of(6, key={"quorum": 5}, run={"transcript": transcript})
            coming = [
                asyncio.create_task(meeting.meet(name, work_of(name, at / 8), (drafted,)))
                for at, name in enumerate("ABCDE")
            ]
            given_ = await asyncio.gather(*coming)
            await meeting.meet("F", work_of("F"))
            return given_

        given_ = asyncio.run(run())
        events = {event.id: event for event in transcript.events()}
    kinds = [(event.kind, event.element) for event in events.values()]
    assert kinds == [
        ("committed", "A/draft"),
        ("met", "coding+"),
        *[("pruned", "coding+")] * 3,
        ("committed", "coding+0.0"),
        ("late", "coding+"),
    ]
    (last,) = given_[0].after
    (met_,) = events[last].after
    assert events[met_].after == (drafted,)
    assert events[met_].facts == {"members": 5, "merged": 2, "names": "A B C D E"}


# --- the final merge ---------------------------------------------------------------------------------------------


def test_last_works_are_merged_once_more_under_elements_without_a_name():
    plan = plan_of(5, prune_above=3)
    candidates = [
        Candidate(name, work_of(name, at / 8), Marked(usable=True, mark=at / 8))
        for at, name in enumerate(team_names(4))
    ]
    merge = Brackets()
    aggregator = Aggregator("", plan, kind=Text(), rater=Marks(), merge=merge)
    given_, facts = asyncio.run(conclude(plan, candidates, aggregator))
    assert (given_.name, given_.artifact.text) == ("+0.0", "0.375 (C D)")
    assert merge.asked == ["+0.0"]
    assert (facts.key, facts.members, facts.absent) == ("", ("A", "B", "C", "D"), ("E",))
    assert sorted(facts.dropped) == ["A", "B"]
