"""Away: teams that walk elsewhere give what teams here give, and one that is lost begins again where it was."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from consilience.dialogue.budget import Budget
from consilience.dialogue.connecting import connect
from consilience.dialogue.journal import Journal
from consilience.dialogue.models import BadReply, Denied
from consilience.dialogue.opening import Opening
from consilience.dialogue.ray_cluster import WorkerLost
from consilience.dialogue.session import Session
from consilience.dialogue.transcript import Transcript, canonical_digest
from consilience.dialogue.work.kinds import Text
from consilience.methods.cross_team import away
from consilience.methods.cross_team.away import Envoy, News, Post, SharedTeams
from consilience.methods.cross_team.collaboration import collaborate
from consilience.methods.cross_team.formats import stories
from consilience.methods.cross_team.result import Result
from consilience.methods.cross_team.spec import Key
from consilience.methods.cross_team.stand_ins import PLAYERS

PLAN = stories(5, seed=2)
TASK = "A tale of a dog."


class Here:
    """A post in this process, which is lost after so many batches of news."""

    def __init__(self, job: SharedTeams, number: int, batches: int | None = None) -> None:
        self.post = Post(job, number)
        self.left = batches

    async def walk(self, team: str, after: tuple[str, ...]) -> AsyncIterator[list[News]]:
        async for batch in self.post.walk(team, after):
            if self.left is not None:
                self.left -= 1
                if self.left < 0:
                    raise WorkerLost("the process is gone")
            yield batch

    async def give(self, team: str, number: int, outcome: object) -> None:
        await self.post.give(team, number, outcome)

    async def stop(self, team: str) -> None:
        await self.post.stop(team)

    def end(self) -> None:
        pass


class Stalling(Here):
    """A post at which team B never hears what came of a meeting."""

    async def give(self, team: str, number: int, outcome: object) -> None:
        if team != "B":
            await super().give(team, number, outcome)


def job_of(url: str, **settings) -> SharedTeams:
    opening = settings.pop("opening", Opening(model="rehearsal:developer", journal=url, run="away"))
    return SharedTeams(plan=PLAN, task=TASK, opening=opening, kind=Text(), posts=2, tells=True, **settings)


async def alone(path: Path) -> tuple[Result, str, str]:
    transcript = Transcript()
    with Journal.open(path, "run") as journal:
        async with Session(
            connect("rehearsal:developer", players=PLAYERS), journal=journal, transcript=transcript
        ) as one:
            result = await collaborate(PLAN, TASK, one, kind=Text(), journal=journal, transcript=transcript)
        return result, journal.fingerprint(), canonical_digest(transcript.events())


async def apart(
    job: SharedTeams, lives: Iterable[int] = (), kind: type[Here] = Here
) -> tuple[Result, Envoy, Transcript]:
    transcript, posts, batches = Transcript(), [], iter(lives)

    def start(number: int) -> Here:
        posts.append(kind(job, number, next(batches, None)))
        return posts[-1]

    envoy = Envoy(job, start, transcript=transcript)
    try:
        with Journal.open(job.opening.journal, job.opening.run) as journal:
            async with job.opening.session(journal, transcript, job.part(1), players=PLAYERS) as session:
                asks = {"": session, "+": session}
                result = await collaborate(
                    job.plan, TASK, asks, kind=Text(), journal=journal, transcript=transcript, walks=envoy.walks
                )
    finally:
        envoy.end()
        for post in posts:
            await post.post.close()
    return result, envoy, transcript


def test_teams_elsewhere_give_what_teams_here_give(tmp_path: Path, postgres_url: str) -> None:
    expected, kept, told = asyncio.run(alone(tmp_path / "journal.sqlite"))
    result, _, transcript = asyncio.run(apart(job_of(postgres_url)))
    assert result.artifact == expected.artifact
    assert (result.winner, result.lineage.digest, result.spent) == (
        expected.winner,
        expected.lineage.digest,
        expected.spent,
    )
    assert canonical_digest(transcript.events()) == told
    with Journal.open(postgres_url, "away") as journal:
        assert journal.fingerprint() == kept


def test_of_a_team_that_is_not_waited_for_what_it_brought_is_kept(postgres_url: str) -> None:
    chain = replace(PLAN.chain, steps=(*PLAN.chain.steps, Key(name="ends", quorum=4)))
    result, _, _ = asyncio.run(apart(replace(job_of(postgres_url), plan=replace(PLAN, chain=chain)), kind=Stalling))
    assert [facts.members for facts in result.meetings] == [tuple("ABCDE"), tuple("ACDE")]
    stalled = result.teams["B"]
    assert (result.outcome, stalled.state) == ("done", "stopped")
    assert stalled.calls > 0
    assert stalled.artifact is not None
    made = {one.element: one for one in result.made}
    assert {"B/outline", "B/draft"} & set(made)
    assert {parent for one in result.made for parent in one.parents} <= set(made)
    assert result.lineage.digest
    assert result.spent.calls == sum(facts.calls for facts in result.teams.values()) + sum(
        cell.calls for cell in result.merges.values()
    )


@pytest.mark.parametrize("lives", [(1,), (2, 3), (4, 1, 2)])
def test_a_post_that_is_lost_is_begun_again(tmp_path: Path, postgres_url: str, lives: tuple[int, ...]) -> None:
    expected, kept, _ = asyncio.run(alone(tmp_path / "journal.sqlite"))
    result, envoy, _ = asyncio.run(apart(job_of(postgres_url), iter(lives)))
    assert envoy.lost == len(lives)
    assert (result.artifact, result.lineage.digest) == (expected.artifact, expected.lineage.digest)
    with Journal.open(postgres_url, "away") as journal:
        assert journal.fingerprint() == kept


def test_a_post_that_is_lost_too_often_ends_the_run(postgres_url: str) -> None:
    with pytest.raises(WorkerLost, match=r"4 times in all\. What was answered is in the journal"):
        asyncio.run(apart(job_of(postgres_url), [0] * 40))


def test_with_a_budget_nobody_knows_what_a_lost_post_had_spent(postgres_url: str) -> None:
    opening = Opening(model="rehearsal:developer", journal=postgres_url, run="away", budget=Budget(calls=600))
    with pytest.raises(WorkerLost, match="nobody knows what it had spent"):
        asyncio.run(apart(job_of(postgres_url, opening=opening), [2]))


def test_each_team_has_its_part_of_the_budget(postgres_url: str) -> None:
    opening = Opening(model="rehearsal:developer", journal=postgres_url, run="away", budget=Budget(calls=18))
    result, _, _ = asyncio.run(apart(job_of(postgres_url, opening=opening)))
    assert result.outcome == "kept"
    assert {facts.calls for facts in result.teams.values()} == {3}  # the fourth question was not sent
    assert result.artifact is not None


@contextmanager
def failing(monkeypatch: pytest.MonkeyPatch, element: str, error: Exception) -> Iterator[None]:
    class Failing(Session):
        async def ask(self, question, **settings):
            if question.element == element:
                raise error
            return await super().ask(question, **settings)

    with monkeypatch.context() as patch:
        patch.setattr(away, "Session", Failing)
        yield


def test_a_team_that_fails_elsewhere_is_dead_here(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with failing(monkeypatch, "B/draft", BadReply("half a reply")):
        result, _, _ = asyncio.run(apart(job_of(postgres_url)))
    assert (result.teams["B"].state, result.teams["B"].reason) == ("dead", "half a reply")
    assert result.meetings[0].members == ("A", "C", "D", "E")


def test_what_is_no_failure_of_a_team_ends_the_run(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with failing(monkeypatch, "B/draft", Denied("wrong key")), pytest.raises(Denied, match="wrong key"):
        asyncio.run(apart(job_of(postgres_url)))


def test_teams_are_spread_over_posts() -> None:
    job = replace(job_of("postgresql://host/db"), posts=3)
    assert [job.post_of(team) for team in "ABCDE"] == [0, 1, 2, 0, 1]
