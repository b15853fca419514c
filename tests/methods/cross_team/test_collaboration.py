"""Whole runs: teams that a function plays, journals that are cut off, budgets that end, meetings that wait."""

import asyncio
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilience.dialogue.budget import Budget
from consilience.dialogue.history import JournalUnavailable
from consilience.dialogue.journal import Journal
from consilience.dialogue.messages import Reply, Usage
from consilience.dialogue.models import Denied, Rejected
from consilience.dialogue.session import NotInJournal, Session
from consilience.dialogue.transcript import Transcript, canonical_digest
from consilience.dialogue.work.artifact import Artifact
from consilience.dialogue.work.kinds import Text
from consilience.dialogue.work.merging import merge_calls
from consilience.ground.errors import InvalidInput, UnknownName
from consilience.methods.cross_team.collaboration import FINAL, collaborate
from consilience.methods.cross_team.rating import Rating
from consilience.methods.cross_team.spec import Chain, Key, Loop, Phase, Plan, Team, teams

TASK = "Say hello."


class Cut(Exception):
    """What nobody who runs expects."""


class Model:
    """Replies as a function of the question says, after a while."""

    name = "model"

    def __init__(self, play=None, wait_s=lambda question: 0.0, cut_after=None):
        self.play = play or plainly
        self.wait_s = wait_s
        self.cut_after = cut_after
        self.asked = []

    async def reply(self, question):
        self.asked.append(question.element)
        if self.cut_after is not None and len(self.asked) > self.cut_after:
            raise Cut
        await asyncio.sleep(self.wait_s(question))
        said = self.play(question)
        if isinstance(said, Exception):
            raise said
        return Reply(text=said, model="model", usage=Usage(10, 5))

    async def close(self):
        pass


def plainly(question):
    return f"{question.element} {question.occurrence} 0.5"


class Rater:
    """Rates a work by the number in which it ends; 1 passes every visible test."""

    async def rate(self, artifact):
        value = float(artifact.text.split()[-1])
        return Marked(usable=True, runs=True, passed=float(value >= 1), mark=value)


class Marked(Rating):
    """A rating by a mark."""

    def __init__(self, *, mark, **rest):
        super().__init__(**rest)
        object.__setattr__(self, "mark", mark)

    @property
    def value(self):
        return self.mark


def phase(name, prompt="{task}", **how):
    return Phase(**{"name": name, "assistant": "writer", "prompt": prompt, **how})


def chain(*, first=None, second=None, cycles=1):
    return Chain(
        steps=(
            phase("idea", makes="note"),
            phase("draft", "{task} {idea}"),
            Key(**{"name": "drafts", **(first or {})}),
            Loop(name="again", phases=(phase("better", "{artifact}"),), cycles=cycles),
            Key(**{"name": "whole", **(second or {})}),
            phase("polish", "{artifact}"),
        ),
        roles={"writer": "You write."},
    )


def plan(count=4, *, made=None, **how):
    return Plan(**{"chain": made or chain(), "teams": teams(count), **how})


def run(made, model=None, *, path=None, budget=Budget(), events=None, offline=False, **how):  # noqa: B008  frozen
    async def work():
        journal = None if path is None else Journal.open(path, "run")
        try:
            session = Session(model or Model(), journal=journal, budget=budget, transcript=events, offline=offline)
            async with session:
                return await collaborate(
                    made, TASK, session, kind=Text(), scorer=Rater(), journal=journal, transcript=events, **how
                )
        finally:
            if journal is not None:
                journal.close()

    return asyncio.run(work())


def seen(result):
    """Return all of a result that must not depend on time."""
    return (
        result.outcome,
        result.artifact,
        result.winner,
        result.why,
        result.lineage.digest,
        {name: (facts.state, facts.calls, facts.artifact) for name, facts in result.teams.items()},
    )


# --- laws ----------------------------------------------------------------------------------------------------------


@given(st.randoms(use_true_random=False), st.sampled_from([1, 3, 100]), st.booleans())
def test_latency_and_width_change_nothing_of_what_comes_out(chance, width, shared):
    waits = {}
    model = Model(wait_s=lambda question: waits.setdefault(question.element, chance.choice([0.0, 0.0005, 0.001])))
    made = plan(3, shared=shared)
    assert seen(run(made, model, width=width)) == seen(run(made))


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("group", [2, 3, 4])
def test_merges_are_counted_by_the_formula(count, group):
    result = run(plan(count, group=group, prune=False))
    per_team = result.teams["A"].calls
    assert per_team == 4
    assert result.spent.calls == count * per_team + 2 * merge_calls(count, group)
    assert [len(facts.merges) for facts in result.meetings] == [merge_calls(count, group)] * 2 * (count > 1)


def test_with_one_result_for_all_teams_go_on_from_the_same_work():
    parents = {made.element: made.parents for made in run(plan()).made}
    assert {parents[f"{name}/again.1/better"] for name in "ABCD"} == {("drafts+1.0",)}


@pytest.mark.parametrize("cut_after", range(0, 22, 3))
@pytest.mark.parametrize("shared", [True, False])
def test_a_run_that_was_cut_off_anywhere_ends_as_one_that_was_not(cut_after, shared, tmp_path):
    path, made = tmp_path / "journal.sqlite", plan(shared=shared)
    whole = run(made)
    with pytest.raises(Cut):
        run(made, Model(cut_after=cut_after), path=path)
    model = Model()
    assert seen(run(made, model, path=path)) == seen(whole)
    with Journal.open(path, "run", replay_only=True) as journal:
        assert journal.artifact(FINAL).text == whole.artifact.text
        asked = Counter(call.question.element for call in journal.calls())
    assert set(model.asked) <= set(asked)
    assert sum(asked.values()) == whole.spent.calls


@pytest.mark.parametrize("cut_after", [None, 6, 17])
def test_a_journal_has_all_works_right_after_a_run_or_a_cut(cut_after, tmp_path):
    async def work():
        model, transcript = Model(cut_after=cut_after), Transcript()
        with Journal.open(tmp_path / "journal.sqlite", "run") as journal:
            session = Session(model, journal=journal, transcript=transcript)
            try:
                await collaborate(
                    plan(), TASK, session, kind=Text(), scorer=Rater(), journal=journal, transcript=transcript
                )
            except Cut:
                assert cut_after is not None
            kept = {made.element: Artifact(made.text).digest for made in journal.artifacts()}
        told = [event for event in transcript.events() if event.kind == "committed" and "idea" not in event.element]
        return kept, {event.element: event.facts["digest"] for event in told}

    kept, told = asyncio.run(work())
    assert kept == told
    assert (FINAL in kept) == (cut_after is None)


def test_of_two_troubles_the_first_is_told_and_what_could_not_be_kept_is_told_at_the_end(tmp_path, monkeypatch):
    def full(*_):
        raise JournalUnavailable("the disk is full")

    async def work(model):
        with Journal.open(tmp_path / "journal.sqlite", "run") as journal:
            async with Session(model) as session:
                with monkeypatch.context() as patch:
                    patch.setattr(journal._store, "write", full)
                    await collaborate(alone, TASK, session, kind=Text(), scorer=Rater(), journal=journal)

    alone = plan(1, made=Chain(steps=(phase("draft"), phase("more")), roles={"writer": "You write."}))
    with pytest.raises(Denied):
        asyncio.run(work(Model(lambda question: Denied("no key") if "more" in question.element else "work 0.5")))
    with pytest.raises(JournalUnavailable, match="full"):
        asyncio.run(work(Model()))
    with Journal.open(tmp_path / "journal.sqlite", "run", replay_only=True) as journal:
        assert {made.element for made in journal.artifacts()} == {"A/draft", "A/more", FINAL}  # when it was closed


def test_a_run_is_replayed_without_asking_anybody(tmp_path):
    path = tmp_path / "journal.sqlite"
    first = run(plan(), path=path)
    again = run(plan(), Model(lambda question: Denied("nobody is to be asked")), path=path, offline=True)
    assert seen(again) == seen(first)
    assert again.spent.replayed == again.spent.calls
    with pytest.raises(NotInJournal):
        run(plan(seed=1), path=path, offline=True)


def test_the_events_of_a_run_do_not_depend_on_time():
    def told(wait_s):
        with Transcript() as events:
            run(plan(3), Model(wait_s=wait_s), events=events)
            return events.events()

    slow = told(lambda question: 0.002 * (len(question.element) % 3))
    assert canonical_digest(slow) == canonical_digest(told(lambda question: 0.0))
    places = {event.id: at for at, event in enumerate(slow)}
    assert all(places[before] < places[event.id] for event in slow for before in event.after)


# --- who lives and who counts --------------------------------------------------------------------------------------


def test_a_dead_team_keeps_nobody_waiting_and_its_best_work_counts():
    def play(question):
        if question.element == "B/again.1/better":
            return Rejected("never")
        return plainly(question)

    result = run(plan(), Model(play))
    assert result.outcome == "done"
    assert result.teams["B"].state == "dead"
    assert "never" in result.teams["B"].reason
    assert result.meetings[1].members == ("A", "C", "D")
    assert result.teams["B"].artifact is not None
    assert result.matrix["B"]["again/better"].state == "failed"


def test_the_work_of_a_dead_team_may_win():
    def play(question):
        if question.element == "B/draft":
            return "draft 0.9"
        if question.element == "B/again.1/better":
            return Rejected("never")
        return plainly(question)

    made = plan(made=chain(), prune=False)
    result = run(made, Model(play))
    assert result.rating.value == 0.9


def test_when_all_fail_the_best_so_far_is_kept_and_said_to_be():
    marks = {"A": "0.2", "B": "0.7", "C": "0.4"}

    def play(question):
        if "better" in question.element:
            return Rejected("gone")
        return f"{question.element} {marks.get(question.element[0], '0.1')}"

    result = run(plan(3), Model(play))
    assert (result.outcome, result.rating.value) == ("kept", 0.7)
    assert "No team came to its end" in result.why
    assert "gone" in result.why


def test_when_nobody_ever_had_work_there_is_none():
    result = run(plan(3), Model(lambda question: Rejected("gone")))
    assert (result.outcome, result.artifact, result.winner) == ("kept", None, "")
    assert "no team ever had any work" in result.why


@pytest.mark.parametrize("calls", [0, 1, 5, 9, 14, 20, 22])
def test_a_budget_that_ends_is_never_overdrawn_and_keeps_the_best_so_far(calls, tmp_path):
    path = tmp_path / "journal.sqlite"
    model = Model()
    result = run(plan(), model, path=path, budget=Budget(calls=calls))
    assert len(model.asked) <= calls
    whole = run(plan())
    ended = [name for name, facts in result.teams.items() if facts.state == "done"]
    assert (result.outcome == "done") == bool(ended)
    assert (len(ended) == 4) == (calls >= whole.spent.calls)
    assert (result.artifact is None) == (calls < 5)  # four ideas come first
    assert seen(run(plan(), path=path)) == seen(whole)


def test_teams_may_have_budgets_of_their_own():
    async def work():
        model = Model()
        async with Session(model) as session:
            asks = {"": session, "B": session.with_purse(Budget(calls=2))}
            return model, await collaborate(plan(), TASK, asks, kind=Text(), scorer=Rater())

    model, result = asyncio.run(work())
    assert Counter(element.partition("/")[0] for element in model.asked)["B"] == 2
    assert [facts.state for facts in result.teams.values()] == ["done", "dead", "done", "done"]


def test_a_wrong_key_ends_the_run():
    with pytest.raises(Denied):
        run(plan(), Model(lambda question: Denied("no such key") if question.element == "C/draft" else "work 0.5"))


# --- time ----------------------------------------------------------------------------------------------------------


def stalled(*names):
    return lambda question: 30.0 if question.element.startswith(names) and "draft" in question.element else 0.0


@pytest.mark.parametrize("how", [{"quorum": 3}, {"deadline_s": 0.05}])
def test_a_team_that_hangs_is_not_waited_for_where_there_is_a_quorum_or_a_deadline(how, tmp_path):
    path, made = tmp_path / "journal.sqlite", plan(made=chain(first=how, second=how))
    result = run(made, Model(wait_s=stalled("D/")), path=path)
    assert result.outcome == "done"
    assert (result.teams["D"].state, result.teams["D"].artifact) == ("stopped", None)
    assert result.matrix["D"]["draft"].state == "working"
    assert [facts.members for facts in result.meetings] == [("A", "B", "C")] * 2
    again = run(made, path=path)  # nobody hangs now, and still the same take part
    assert [facts.members for facts in again.meetings] == [("A", "B", "C")] * 2
    assert again.artifact == result.artifact


def test_a_late_team_that_joins_again_counts_at_the_end():
    made = plan(made=chain(first={"quorum": 3}))
    result = run(made, Model(wait_s=lambda question: 0.05 if question.element == "D/draft" else 0.0))
    assert result.meetings[0].late == ("D",)
    assert result.meetings[1].members == ("A", "B", "C", "D")
    assert {facts.state for facts in result.teams.values()} == {"done"}


def test_a_late_team_that_is_dropped_stops():
    made = plan(made=chain(first={"quorum": 3, "late": "drop"}))
    result = run(made, Model(wait_s=lambda question: 0.05 if question.element == "D/draft" else 0.0))
    assert result.teams["D"].state == "stopped"
    assert result.meetings[1].members == ("A", "B", "C")


def test_ctrl_c_leaves_nothing_behind(tmp_path):
    async def work():
        with Journal.open(tmp_path / "journal.sqlite", "run") as journal:
            async with Session(Model(wait_s=stalled("C/")), journal=journal) as session:
                working = asyncio.create_task(
                    collaborate(plan(), TASK, session, kind=Text(), scorer=Rater(), journal=journal)
                )
                await asyncio.sleep(0.05)
                working.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await working
        return len(asyncio.all_tasks())

    assert asyncio.run(work()) == 1
    assert seen(run(plan(), path=tmp_path / "journal.sqlite")) == seen(run(plan()))


# --- the choice ----------------------------------------------------------------------------------------------------


def marked(marks):
    """Play teams whose last works have marks; whatever they do before is worth nothing."""

    def play(question):
        team, _, place = question.element.partition("/")
        return f"{question.element} {marks.get(team, 0.0) if place == 'polish' else 0.0}"

    return Model(play)


def test_the_best_is_chosen_and_of_equals_the_first():
    result = run(plan(), marked({"B": 0.8, "D": 0.8, "C": 0.3}))
    assert (result.winner, result.artifact.text) == ("B", "B/polish 0.8")
    assert "team B is rated 0.800" in result.why
    assert "D is rated the same" in result.why


def test_a_merge_that_no_later_work_surpasses_is_chosen():
    play = Model(lambda question: f"{question.element} {0.9 if '+' in question.element else 0.2}")
    result = run(plan(), play)
    assert result.winner == "whole+1.0"
    assert "the merge whole+1.0" in result.why
    assert set(result.lineage.of(result.artifact)) == {"answer"}


def test_last_works_may_be_merged_once_more():
    play = Model(lambda question: f"{question.element} {0.9 if question.element == '+1.0' else 0.2}")
    result = run(plan(final="merge"), play)
    assert result.winner == "+1.0"
    assert [facts.key for facts in result.meetings] == ["drafts", "whole", ""]
    assert set(result.merges) == {
        f"{key}+{place}" for key in ("drafts", "whole", "") for place in ("0.0", "0.1", "1.0")
    }


@pytest.mark.parametrize("final", ["best", "merge"])
@given(st.lists(st.sampled_from([0.0, 0.3, 0.6, 0.9]), min_size=3, max_size=3), st.sampled_from([0.0, 0.5]))
def test_the_final_work_is_never_worse_than_the_best_team(final, marks, merge):
    by_team = dict(zip("ABC", marks, strict=True))
    play = Model(lambda question: f"{question.element} {by_team.get(question.element[0], merge)}")
    result = run(plan(3, final=final), play)
    assert result.rating.value >= max(facts.rating.value for facts in result.teams.values())


def test_somebody_may_choose_and_is_asked_once(tmp_path):
    asked = []

    async def pick(candidates):
        asked.append([candidate.name for candidate in candidates])
        return "C"

    path = tmp_path / "journal.sqlite"
    for _ in range(2):
        result = run(plan(), path=path, pick=pick)
        assert result.winner == "C"
        assert "picked" in result.why
    assert len(asked) == 1
    assert asked[0][:4] == list("ABCD")

    async def mistaken(candidates):
        return "Z"

    with pytest.raises(UnknownName, match="'Z'"):
        run(plan(), pick=mistaken)


def test_somebody_may_vote_at_a_meeting():
    async def vote(ballot):
        return ["B", "C"]

    result = run(plan(), vote=vote)
    assert [set(facts.dropped) for facts in result.meetings] == [{"A", "D"}] * 2


def test_a_run_may_end_when_one_team_passes_every_visible_test(tmp_path):
    def play(question):
        return "passes 1.0" if question.element == "C/draft" else plainly(question)

    def wait_s(question):
        return 0.02 if question.element.startswith("C/draft") else 0.04 if "B/draft" in question.element else 0.0

    path = tmp_path / "journal.sqlite"
    model = Model(play, wait_s)
    result = run(plan(), model, path=path, stop_when_passed=True)
    assert (result.winner, result.artifact.text, result.outcome) == ("C", "passes 1.0", "done")
    assert "passes every visible test" in result.why
    assert {name: facts.state for name, facts in result.teams.items()} == {
        "A": "stopped",
        "B": "stopped",
        "C": "done",
        "D": "stopped",
    }
    assert not [element for element in model.asked if "better" in element or "+" in element]
    again = run(plan(), Model(play, lambda question: 0.0), path=path, stop_when_passed=True)
    assert again.artifact == result.artifact


# --- models, lineage, bad input ------------------------------------------------------------------------------------


def test_teams_may_ask_different_models():
    async def work():
        one, other = Model(lambda question: "one 0.1"), Model(lambda question: "other 0.2")
        async with Session(one) as first, Session(other) as second:
            made = plan(teams=(Team(name="A"), Team(name="B", model="other")))
            await collaborate(made, TASK, {"": first, "other": second}, kind=Text(), scorer=Rater())
        return one.asked, other.asked

    one, other = asyncio.run(work())
    assert {element[0] for element in other} == {"B"}
    assert "B" not in {element[0] for element in one}


def test_a_model_that_nobody_opened_is_named_before_anybody_is_asked():
    model = Model()
    with pytest.raises(InvalidInput, match="'huge'"):
        run(plan(teams=(Team(name="A"), Team(name="B", model="huge"))), model)
    assert not model.asked


def test_every_work_has_its_parents_and_the_final_one_is_known():
    result = run(plan(shared=False))
    elements = {made.element for made in result.made}
    assert all(set(made.parents) <= elements for made in result.made)
    assert result.lineage.of(result.artifact)
    assert all(made.artifact == result.lineage.artifact(made.element) for made in result.made)


def test_the_matrix_has_every_team_and_column():
    result = run(plan(teams=(Team(name="A", skip=frozenset({"again"})), Team(name="B"))))
    assert {name: list(row) for name, row in result.matrix.items()} == {name: list(chain().columns) for name in "AB"}
    assert result.matrix["A"]["again/better"].state == "skipped"
    assert result.matrix["B"]["again/better"].state == "done"
    spent = result.spent
    assert spent.calls == sum(facts.calls for facts in result.teams.values()) + len(result.merges)
    assert spent.input_tokens == 10 * spent.calls


def test_one_team_meets_nobody():
    result = run(plan(1))
    assert (result.meetings, result.winner) == ((), "A")
    assert "the only one" in result.why
    assert {result.matrix["A"][key].state for key in ("drafts", "whole")} == {"skipped"}


def test_a_group_may_be_larger_than_there_are_teams():
    result = run(plan(3, group=8, prune=False))
    assert [len(facts.merges) for facts in result.meetings] == [1, 1]


@pytest.mark.parametrize("how", [{"width": 0}, {"reasks": -1}])
def test_settings_that_mean_nothing_are_refused(how):
    with pytest.raises(InvalidInput, match=next(iter(how))):
        run(plan(), **how)


def test_an_empty_task_is_refused():
    with pytest.raises(InvalidInput, match="task"):
        asyncio.run(collaborate(plan(), " ", Session(Model()), kind=Text()))


def test_a_task_with_braces_is_a_task():
    async def work():
        async with Session(Model()) as session:
            return await collaborate(plan(2), "Say {hello} {artifact}.", session, kind=Text(), scorer=Rater())

    assert asyncio.run(work()).artifact == Artifact(run(plan(2)).artifact.text)
