import asyncio
from itertools import count

import pytest

from consilience.dialogue import opening as opening_module
from consilience.dialogue.budget import Budget, BudgetExhausted
from consilience.dialogue.connecting import connect
from consilience.dialogue.faults import Latency
from consilience.dialogue.journal import Journal
from consilience.dialogue.opening import Opening
from consilience.dialogue.ray_cluster import WorkerLost
from consilience.dialogue.rehearsal import Rehearsal
from consilience.dialogue.session import Session
from consilience.dialogue.transcript import Transcript, canonical_digest
from consilience.dialogue.work.kinds import Text
from consilience.ground.errors import InvalidInput
from consilience.methods.agent_networks import parts as parts_module
from consilience.methods.agent_networks.approval import Approved, Edited, Pending, Rejected, approvals_at
from consilience.methods.agent_networks.failure import ElementFailed, Failure
from consilience.methods.agent_networks.graph import Network
from consilience.methods.agent_networks.hub import Hub
from consilience.methods.agent_networks.parts import Part, SharedRun, divide
from consilience.methods.agent_networks.stand_ins import PLAYERS
from consilience.methods.agent_networks.topology import layer, mesh, random, star
from consilience.methods.agent_networks.traversal import traverse

TASK = "Say it."
TWO_ENDS = Network.of([(0, 1), (0, 2), (1, 3), (2, 3), (2, 4)])


class InProcess:
    """A part without a process of its own, which may be lost after so many batches of news."""

    def __init__(self, job, number, dies_after=None):
        self.part, self.dies_after = Part(job, number), dies_after
        self.ended = False

    async def run(self, given):
        batches, running = count(1), self.part.run(given)
        try:
            async for news in running:
                if self.dies_after is not None and next(batches) > self.dies_after:
                    raise WorkerLost("the process was lost")
                yield news
        finally:
            await running.aclose()

    async def take(self, stood):
        await self.part.take(stood)

    async def decide(self, number, decision):
        await self.part.decide(number, decision)

    async def stop(self):
        await self.part.stop()

    def end(self):
        self.ended = True


async def alone(path, network, *, approvals=None, failure=None, seed=0, players=PLAYERS):
    """The run in one process."""
    transcript = Transcript()
    with Journal.open(path, "run") as journal:
        async with Session(
            connect("rehearsal:solver", players=players), journal=journal, transcript=transcript
        ) as session:
            result = await traverse(
                network,
                TASK,
                session,
                kind=Text(),
                rounds=2,
                journal=journal,
                transcript=transcript,
                approvals=approvals,
                failure=failure or Failure(),
                seed=seed,
            )
        return result, journal.fingerprint(), canonical_digest(transcript.events())


class Shared:
    """The run in several parts."""

    def __init__(self, url, network, parts, *, budget=None, failure=None, seed=0, run="run"):
        self.url, self.run = url, run
        self.opening = Opening(model="rehearsal:solver", journal=url, run=run, budget=budget or Budget())
        self.settings = {
            "network": network,
            "task": TASK,
            "opening": self.opening,
            "kind": Text(),
            "rounds": 2,
            "parts": divide(network, parts, rounds=2),
            "failure": failure or Failure(),
            "seed": seed,
        }
        self.transcript = Transcript()
        self.workers = []
        self.hub = None

    async def go(self, *, approvals=None, deaths=(), restarts=3):
        job = SharedRun(**self.settings, has_approvals=approvals is not None, tells=True)
        left = list(deaths)

        def start(number):
            self.workers.append(InProcess(job, number, left.pop(0) if left else None))
            return self.workers[-1]

        self.hub = Hub(job, start, approvals=approvals, transcript=self.transcript, restarts=restarts)
        return await self.hub.run()

    def kept(self):
        with Journal.open(self.url, self.run) as journal:
            return journal.fingerprint()

    def log(self):
        return canonical_digest(self.transcript.events())


def facts(result):
    """What a run did, but for what depends on whether the journal knew it."""
    return {
        name: (one.state, one.digest, one.calls, one.rounds, one.input_tokens, one.output_tokens, one.largest_prompt)
        for name, one in result.elements.items()
    }


@pytest.mark.parametrize(
    ("network", "parts"),
    [(mesh(7), 1), (mesh(7), 3), (layer(9), 4), (star(6), 3), (star(6).reverse(), 2), (TWO_ENDS, 5)],
    ids=["whole", "mesh", "layer", "star", "reversed-star", "two-ends"],
)
def test_a_shared_run_gives_what_a_run_in_one_process_gives(tmp_path, postgres_url, network, parts):
    expected, kept, log = asyncio.run(alone(tmp_path / "journal.sqlite", network))
    shared = Shared(postgres_url, network, parts)
    result = asyncio.run(shared.go())
    assert result.artifact == expected.artifact
    assert result.ancestry == expected.ancestry
    assert dict(result.ends) == dict(expected.ends)
    assert (result.outcome, result.pending, result.spent) == ("done", (), expected.spent)
    assert facts(result) == facts(expected)
    assert shared.kept() == kept
    assert shared.log() == log
    assert all(worker.ended for worker in shared.workers)


@pytest.mark.parametrize("seed", range(4))
def test_so_it_is_on_random_networks_that_skip_what_fails(tmp_path, postgres_url, monkeypatch, seed):
    def moody(question, chance):
        return "" if chance.random() < 0.3 and "3" in question.element else PLAYERS["solver"](question, chance)

    players = {"solver": moody}
    monkeypatch.setattr(parts_module, "PLAYERS", players)
    network, failure = random(9, seed=seed), Failure(policy="skip")
    expected, kept, log = asyncio.run(
        alone(tmp_path / "journal.sqlite", network, failure=failure, seed=seed, players=players)
    )
    shared = Shared(postgres_url, network, 3, failure=failure, seed=seed)
    result = asyncio.run(shared.go())
    assert result.artifact == expected.artifact
    assert result.ancestry == expected.ancestry
    assert facts(result) == facts(expected)
    assert (shared.kept(), shared.log()) == (kept, log)


@pytest.mark.parametrize("deaths", [(1,), (1, 2), (None, 1, 1), (2, 1, 1)])
def test_a_part_that_is_lost_is_begun_again_and_nothing_is_lost_with_it(tmp_path, postgres_url, deaths):
    expected, kept, _ = asyncio.run(alone(tmp_path / "journal.sqlite", mesh(7)))
    shared = Shared(postgres_url, mesh(7), 2)
    result = asyncio.run(shared.go(deaths=deaths))
    assert shared.hub.lost == sum(death is not None for death in deaths)
    assert result.artifact == expected.artifact
    assert result.ancestry == expected.ancestry
    assert shared.kept() == kept


def test_a_part_that_is_lost_time_and_again_is_given_up_and_a_resumed_run_goes_on(tmp_path, postgres_url):
    expected, kept, _ = asyncio.run(alone(tmp_path / "journal.sqlite", mesh(7)))
    shared = Shared(postgres_url, mesh(7), 2)
    with pytest.raises(WorkerLost, match=r"3 times in all\. .*resume"):
        asyncio.run(shared.go(deaths=(1, None, 1, 1), restarts=2))
    assert [event.facts["outcome"] for event in shared.transcript.events() if event.kind == "run.ends"] == [
        "WorkerLost"
    ]
    result = asyncio.run(shared.go())
    assert result.artifact == expected.artifact
    assert result.spent.replayed > 0
    assert shared.kept() == kept


def test_with_a_budget_a_part_that_is_lost_stops_the_run(postgres_url):
    shared = Shared(postgres_url, mesh(7), 2, budget=Budget(calls=1000))
    with pytest.raises(WorkerLost, match="spent of the budget"):
        asyncio.run(shared.go(deaths=(1,)))


def test_a_budget_that_is_used_up_stops_all_parts_and_is_never_overdrawn(postgres_url):
    shared = Shared(postgres_url, mesh(9), 3, budget=Budget(calls=40))
    with pytest.raises(BudgetExhausted, match="resume with a higher"):
        asyncio.run(shared.go())
    with Journal.open(postgres_url, "run") as journal:
        assert 0 < sum(1 for _ in journal.calls()) <= 40


def test_what_fails_in_one_part_stops_the_others(postgres_url, monkeypatch):
    def mute(question, chance):
        return "" if question.element == "5" else "work"

    monkeypatch.setattr(parts_module, "PLAYERS", {"solver": mute})
    shared = Shared(postgres_url, Network.of([(0, 1), (1, 2), (5, 2), (3, 4), (4, 2)]), 3)
    with pytest.raises(ElementFailed) as caught:
        asyncio.run(shared.go())
    assert caught.value.element == "5"
    assert all(worker.ended for worker in shared.workers)


def test_whoever_approves_is_asked_once_in_one_place(tmp_path, postgres_url):
    seen = []

    async def look(submission):
        seen.append(submission.element)
        return Edited("mine") if submission.element == "2" else Approved()

    expected, kept, log = asyncio.run(alone(tmp_path / "journal.sqlite", mesh(5), approvals=look))
    alone_seen, shared = sorted(seen), Shared(postgres_url, mesh(5), 3)
    seen.clear()
    result = asyncio.run(shared.go(approvals=look))
    assert sorted(seen) == alone_seen
    assert result.artifact == expected.artifact
    assert (shared.kept(), shared.log()) == (kept, log)


@pytest.mark.parametrize("waits", ["0", "3", "1->3", "2->4", "8"])
def test_what_waits_for_somebodys_word_has_the_rest_of_all_parts_end(tmp_path, postgres_url, waits):
    network = mesh(9)

    async def pend(submission):
        return Pending()

    async def agree(submission):
        return Approved()

    expected, kept, log = asyncio.run(
        alone(tmp_path / "journal.sqlite", network, approvals=approvals_at({waits}, pend))
    )
    shared = Shared(postgres_url, network, 3)
    result = asyncio.run(shared.go(approvals=approvals_at({waits}, pend)))
    assert (result.outcome, result.pending) == ("pending", (waits,))
    assert result.pending == expected.pending
    assert facts(result) == facts(expected)
    assert (shared.kept(), shared.log()) == (kept, log)
    finished = asyncio.run(shared.go(approvals=approvals_at({waits}, agree)))
    assert finished.outcome == "done"
    assert finished.spent.replayed == result.spent.calls


def test_a_rejection_in_one_part_is_an_element_that_failed(postgres_url):
    async def reject(submission):
        return Rejected("not good") if submission.element == "4" else Approved()

    with pytest.raises(ElementFailed, match="not good"):
        asyncio.run(Shared(postgres_url, mesh(6), 2).go(approvals=reject))


@pytest.mark.parametrize("error", [ValueError("the window was closed"), InvalidInput("nobody is there")])
@pytest.mark.parametrize("parts", [1, 3])
def test_who_approves_and_fails_ends_the_run_as_in_one_process(tmp_path, postgres_url, error, parts):
    async def look(submission):
        if submission.element == "2":
            raise error
        return Approved()

    with pytest.raises(type(error), match=str(error)):
        asyncio.run(alone(tmp_path / "journal.sqlite", mesh(5), approvals=look))
    shared = Shared(postgres_url, mesh(5), parts)
    with pytest.raises(type(error), match=str(error)):
        asyncio.run(asyncio.wait_for(shared.go(approvals=look), 30))
    assert all(worker.ended for worker in shared.workers)
    with Journal.open(postgres_url, "run") as journal:
        assert journal.artifact("2+approval") is None


def test_events_of_all_parts_have_their_causes_before_them(postgres_url):
    shared = Shared(postgres_url, mesh(7), 3)
    asyncio.run(shared.go())
    seen = set()
    for event in shared.transcript.events():
        assert set(event.after) <= seen
        seen.add(event.id)
    kinds = [event.kind for event in shared.transcript.events()]
    assert (kinds.count("run.begins"), kinds.count("run.ends"), kinds[0], kinds[-1]) == (1, 1, "run.begins", "run.ends")


def test_a_bug_in_a_part_keeps_its_error(postgres_url, monkeypatch):
    def broken(question, chance):
        raise ZeroDivisionError("molten")

    monkeypatch.setattr(parts_module, "PLAYERS", {"solver": broken})
    with pytest.raises(ZeroDivisionError, match="molten"):
        asyncio.run(Shared(postgres_url, mesh(4), 2).go())


def test_a_run_that_is_cancelled_leaves_no_task(postgres_url, monkeypatch):
    slow = Rehearsal(PLAYERS["solver"], name="solver", latency=Latency(mean_s=30.0))
    monkeypatch.setattr(opening_module, "connect", lambda *_, **__: slow)

    async def cancelled():
        running = asyncio.create_task(Shared(postgres_url, mesh(5), 2).go())
        while not slow.attendance.present:
            await asyncio.sleep(0.01)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await asyncio.sleep(0.05)
        return running.cancelled(), [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]

    assert asyncio.run(cancelled()) == (True, [])
