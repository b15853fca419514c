"""A team alone on its way, asked by a session that a function plays."""

import asyncio

import pytest

from consilience.dialogue.budget import BudgetExhausted
from consilience.dialogue.journal import Journal
from consilience.dialogue.messages import Reply, Usage
from consilience.dialogue.models import Denied, Unreachable
from consilience.dialogue.work.artifact import Artifact
from consilience.dialogue.work.attempts import FINISHED
from consilience.dialogue.work.kinds import Text
from consilience.methods.cross_team.aggregation import Outcome
from consilience.methods.cross_team.chain import Desk, Keeper, Walk, passes, told
from consilience.methods.cross_team.prompts import Prompts
from consilience.methods.cross_team.rating import Rating
from consilience.methods.cross_team.spec import Chain, Key, Loop, Phase, Plan, Team
from consilience.methods.cross_team.turns import Turns


class Plays:
    """A session whose replies a function gives."""

    def __init__(self, play):
        self.play, self.asked = play, []

    async def ask(self, question, *, priority=0.0, caused_by=()):
        self.asked.append(question)
        said = self.play(question)
        if isinstance(said, Exception):
            raise said
        return Reply(text=said, model="m", usage=Usage(10, 5, 0.5))

    def last_event(self, element):
        return ()

    @property
    def elements(self):
        return [question.element for question in self.asked]


class Graded(Text):
    """Work whose grade is its number of stars, and whose fault is that there are fewer than three."""

    def read(self, reply):
        stars = reply.count("*")
        return Artifact(reply, stars, "" if stars > 2 else f"{stars} stars")


class Rater:
    """Rates by the first letter: x does not run, f fails a test."""

    async def rate(self, artifact):
        runs = not artifact.text.startswith("x")
        passed = float(not artifact.text.startswith(("x", "f")))
        return Rating(usable=True, runs=runs, passed=passed, report=f"report of {artifact.text}")


def phase(name, prompt="{task}", **how):
    return Phase(**{"name": name, "assistant": "writer", "instructor": "editor", "prompt": prompt, **how})


async def nobody(key, team, artifact, after, element):
    raise AssertionError("there is no meeting")


def walk(session, *steps, team=None, kind=None, count=1, meet=nobody, journal=None, passed=None):
    team = team or Team(name="A")
    chain = Chain(steps=steps, roles={"writer": "You write.", "editor": "You read."})
    others = tuple(Team(name=f"B{number}") for number in range(1, count))
    kind = kind or Text()

    async def run():
        desk = Desk(
            plan=Plan(chain=chain, teams=(team, *others)),
            kind=kind,
            asks=session,
            prompts=Prompts(chain, "Say hello.", kind),
            turns=Turns(width=9, reasks=1, transcript=None, proceed=lambda: None),
            rater=Rater(),
            keeper=Keeper(journal, "text"),
            meet=meet,
            passed=passed,
        )
        with desk.keeper.to_the_end():
            return await Walk(team, desk).walk()

    return asyncio.run(run())


DRAFT = phase("draft")


def test_phases_follow_in_order_and_notes_are_read_later():
    session = Plays(lambda question: f"reply of {question.element}")
    walked = walk(session, phase("idea", makes="note"), DRAFT, phase("better", "{artifact} {idea}"))
    assert session.elements == ["A/idea", "A/draft", "A/better"]
    assert "reply of A/draft" in session.asked[2].messages[1].text
    assert "reply of A/idea" in session.asked[2].messages[1].text
    assert walked.artifact.text == "reply of A/better"
    assert (walked.state, walked.element) == ("done", "A/better")


def test_works_are_known_by_element_and_by_what_they_were_made_from():
    walked = walk(Plays(lambda question: question.element), DRAFT, phase("better"), phase("best"))
    assert [(made.element, made.parents) for made in walked.made] == [
        ("A/draft", ()),
        ("A/better", ("A/draft",)),
        ("A/best", ("A/better",)),
    ]


def test_work_that_did_not_change_is_no_new_work():
    walked = walk(Plays(lambda _: "the same"), DRAFT, phase("better"))
    assert [made.element for made in walked.made] == ["A/draft"]
    assert walked.element == "A/draft"


def test_works_are_kept_in_the_journal(tmp_path):
    with Journal.open(tmp_path / "journal.sqlite", "run") as journal:
        walk(Plays(lambda question: question.element), DRAFT, phase("better"), journal=journal)
        assert [(made.element, made.text, made.parents) for made in journal.artifacts()] == [
            ("A/better", "A/better", ("A/draft",)),
            ("A/draft", "A/draft", ()),
        ]


def test_an_instructor_comments_until_there_is_nothing_to_add():
    said = iter(["one", "longer", "two", FINISHED, "never asked"])
    session = Plays(lambda _: next(said))
    walked = walk(session, phase("draft", turns=5))
    assert walked.artifact.text == "two"
    assert len(session.asked) == 4
    assert [question.occurrence for question in session.asked] == [0, 1, 2, 3]
    assert "<comment>\nlonger\n</comment>" in session.asked[2].messages[1].text


def test_turns_are_bounded():
    session = Plays(lambda question: f"reply {question.occurrence}")
    walk(session, phase("draft", turns=3))
    assert len(session.asked) == 5


def test_work_that_parses_worse_is_never_kept():
    said = iter(["draft**", "worse*", "worse*", "better***"])
    walked = walk(Plays(lambda _: next(said)), DRAFT, phase("second"), phase("third"), kind=Graded())
    assert [made.artifact.text for made in walked.made] == ["draft**", "better***"]
    assert walked.row["second"].dropped == 2


def test_a_team_without_any_work_is_dead():
    session = Plays(lambda _: "nonsense")
    walked = walk(session, DRAFT, phase("better"), kind=Graded())
    assert (walked.state, walked.artifact) == ("dead", None)
    assert "A/draft" in walked.reason
    assert len(session.asked) == 2
    assert (walked.row["draft"].state, walked.row["better"].state) == ("failed", "waiting")


@pytest.mark.parametrize("error", [Unreachable("gone"), BudgetExhausted("calls", 3, 3)])
def test_a_team_that_fails_for_good_keeps_its_best_work(error):
    walked = walk(Plays(lambda question: error if "better" in question.element else "work"), DRAFT, phase("better"))
    assert (walked.state, walked.artifact, walked.reason) == ("dead", Artifact("work"), str(error))


def test_what_was_had_before_a_failure_within_a_phase_stands_too():
    said = iter(["one", "longer", "two", Unreachable("gone")])
    walked = walk(Plays(lambda _: next(said)), phase("draft", turns=9))
    assert walked.state == "dead"
    assert [made.artifact.text for made in walked.made] == ["two"]
    assert walked.element == "A/draft"


def test_a_wrong_key_is_no_failure_of_a_team():
    with pytest.raises(Denied):
        walk(Plays(lambda _: Denied("no such key")), DRAFT)


def test_a_phase_asks_no_more_than_its_budget_and_what_it_has_stands():
    said = iter(["one", "longer", "two"])
    walked = walk(Plays(lambda _: next(said)), phase("draft", turns=9, budget_calls=3))
    assert (walked.state, walked.artifact.text) == ("done", "two")


@pytest.mark.parametrize(
    ("until", "said", "cycles"),
    [
        ("never", "a", 4),
        ("complete", "a***", 0),
        ("complete", "a*", 4),
        ("runs", "a", 0),
        ("runs", "x", 4),
        ("runs", "f", 4),
        ("unchanged", "a", 1),
    ],
)
def test_loops_end_when_what_they_wait_for_holds_and_are_bounded(until, said, cycles):
    session = Plays(lambda _: said)
    kind = Graded() if until == "complete" else None
    walked = walk(session, DRAFT, Loop(name="again", phases=(phase("better"),), cycles=4, until=until), kind=kind)
    assert session.elements == ["A/draft", *(f"A/again.{cycle}/better" for cycle in range(1, cycles + 1))]
    assert walked.row["again/better"].turns == cycles
    assert walked.row["again/better"].state == ("done" if cycles else "skipped")


def test_a_loop_ends_when_its_first_phase_has_nothing_to_add():
    session = Plays(lambda question: FINISHED if "again.3" in question.element else "more")
    loop = Loop(name="again", phases=(phase("look", makes="note"), phase("mend")), cycles=9, until="finished")
    walk(session, DRAFT, loop)
    assert session.elements[-2:] == ["A/again.2/mend", "A/again.3/look"]


def test_teams_differ_by_their_overrides():
    chain = (phase("idea", makes="note"), DRAFT, Loop(name="again", phases=(phase("better"),), cycles=9))
    team = Team(name="C", persona="You are terse.", temperature=0.5, cycles=1, seed=7, skip=frozenset({"idea"}))
    session = Plays(lambda question: question.element)
    walked = walk(session, *chain, team=team)
    assert session.elements == ["C/draft", "C/again.1/better"]
    assert {question.settings.temperature for question in session.asked} == {0.5}
    assert all("You are terse." in question.messages[0].text for question in session.asked)
    assert walked.row["idea"].state == "skipped"


def test_what_a_phase_says_goes_before_what_the_team_says():
    session = Plays(lambda _: "work")
    walk(session, phase("draft", temperature=0.0, max_tokens=7), team=Team(name="A", temperature=1.0))
    assert (session.asked[0].settings.temperature, session.asked[0].settings.max_tokens) == (0.0, 7)


def test_reports_and_gaps_are_told():
    session = Plays(lambda question: "f*" if "draft" in question.element else "good***")
    walk(session, DRAFT, phase("mend", "{tests} {gaps}"), phase("more", "{tests} {gaps}"), kind=Graded())
    assert session.asked[1].messages[1].text == "<tests>\nreport of f*\n</tests> <gaps>\n1 stars\n</gaps>"
    assert "Nothing is missing." in session.asked[2].messages[1].text


def test_at_a_key_phase_a_team_goes_on_with_what_it_is_given():
    async def meet(key, team, artifact, after, element):
        assert (key, team, artifact.text, element) == ("drafts", "A", "A/draft", "A/draft")
        return Outcome(Artifact("merge"), (), "drafts+0.0", "drafts+0.0", "met")

    session = Plays(lambda question: question.element)
    walked = walk(session, DRAFT, Key(name="drafts"), phase("better", "{artifact}"), count=2, meet=meet)
    assert session.asked[1].messages[1].text == "<work>\nmerge\n</work>"
    assert walked.made[-1].parents == ("drafts+0.0",)
    assert walked.row["drafts"].state == "done"


def test_a_team_that_is_dropped_stops_and_says_so():
    async def meet(key, team, artifact, after, element):
        return Outcome(artifact, after, team, element, "dropped")

    walked = walk(Plays(lambda _: "work"), DRAFT, Key(name="drafts"), phase("better"), count=2, meet=meet)
    assert (walked.state, walked.artifact.text) == ("stopped", "work")
    assert "drafts" in walked.reason


def test_a_team_alone_meets_nobody():
    walked = walk(Plays(lambda _: "work"), DRAFT, Key(name="drafts"), phase("better"))
    assert walked.row["drafts"].state == "skipped"
    assert walked.state == "done"


def test_a_team_whose_work_passes_every_test_may_end_the_run():
    passed = []
    session = Plays(lambda question: "f" if "draft" in question.element else "good")
    walked = walk(session, DRAFT, phase("mend"), phase("more"), passed=lambda team: passed.append(team) or True)
    assert passed == ["A"]
    assert session.elements == ["A/draft", "A/mend"]
    assert (walked.state, walked.artifact.text) == ("done", "good")


def test_costs_are_kept_by_phase():
    walked = walk(Plays(lambda _: "work"), phase("draft", turns=2), phase("better"))
    row = walked.row
    assert (row["draft"].calls, row["draft"].tokens, row["draft"].usd) == (3, 45, 1.5)
    assert row["better"].calls == 1
    assert walked.seconds >= row["draft"].seconds + row["better"].seconds >= 0


def test_what_a_run_said_is_told_in_words():
    assert told(Rating(usable=True, runs=True)) == "It runs, and no test fails."
    assert told(Rating(usable=True, fault="line 1", report="0 of 1")) == "line 1\n0 of 1"
    assert passes(Rating(usable=True, runs=True, passed=1.0))
    assert not passes(Rating(usable=True, runs=True, passed=0.9))
