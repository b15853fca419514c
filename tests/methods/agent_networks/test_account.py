"""The account: states, times, turns and the critical path from what a run leaves behind."""

import asyncio
from itertools import pairwise
from pathlib import Path

import pytest

from consilience.dialogue.faults import Latency
from consilience.dialogue.journal import Journal
from consilience.dialogue.models import BadReply
from consilience.dialogue.rehearsal import Rehearsal
from consilience.dialogue.retrying import Retry
from consilience.dialogue.session import Session
from consilience.dialogue.transcript import Event, Transcript, read_events
from consilience.dialogue.work.kinds import Text
from consilience.methods.agent_networks.account import Account
from consilience.methods.agent_networks.failure import Failure
from consilience.methods.agent_networks.graph import Network
from consilience.methods.agent_networks.result import Result
from consilience.methods.agent_networks.stand_ins import PLAYERS
from consilience.methods.agent_networks.topology import mesh, star
from consilience.methods.agent_networks.traversal import traverse


class _Failing(Rehearsal):
    """A stand-in that never answers one element."""

    async def reply(self, question):
        if question.element == "0->1":
            raise BadReply("half a reply")
        return await super().reply(question)


def worked(network: Network, path: Path, *, mean_s: float = 0.0, model: type[Rehearsal] = Rehearsal) -> Result:
    async def work() -> Result:
        player = model(PLAYERS["solver"], name="solver", latency=Latency(mean_s=mean_s, sigma=0.5))
        with Journal.open(path / "journal.sqlite", "run") as journal, Transcript(path / "events.jsonl") as transcript:
            async with Session(player, journal=journal, transcript=transcript, retry=Retry(attempts=1)) as session:
                return await traverse(
                    network,
                    "Explain a queue.",
                    session,
                    kind=Text(),
                    journal=journal,
                    transcript=transcript,
                    failure=Failure(policy="skip"),
                )

    return asyncio.run(work())


def account(network: Network, path: Path, **settings) -> Account:
    with Journal.open(path / "journal.sqlite", "run", replay_only=True) as journal:
        return Account(network, Text(), journal, read_events(path / "events.jsonl"), **settings)


def test_the_bill_is_that_of_the_run(tmp_path: Path) -> None:
    result = worked(mesh(6), tmp_path)
    found = account(mesh(6), tmp_path)
    assert found.bill.calls == result.spent.calls == sum(bill.calls for bill in found.bills.values())
    assert found.bill.input_tokens == result.spent.input_tokens
    assert set(found.states.values()) == {"done"}
    assert found.digests()["5"] == result.artifact.digest
    assert found.notice == "rehearsal: a stated stand-in, not a language model"


def test_the_critical_path_fits_into_the_time_of_the_run(tmp_path: Path) -> None:
    worked(mesh(7), tmp_path, mean_s=0.01)
    found = account(mesh(7), tmp_path)
    seconds, path = found.critical_path
    start = min(node.started_s for node in found.nodes if node.started_s is not None)
    end = max(node.finished_s for node in found.nodes if node.finished_s is not None)
    assert 0.5 * (end - start) < seconds <= end - start + 1e-6
    assert (path[0], path[-1]) == ("0", "6")
    assert path[1::2] == [f"{first}->{second}" for first, second in pairwise(path[::2])]


def test_a_merge_of_a_node_starts_when_its_last_piece_came(tmp_path: Path) -> None:
    worked(mesh(6), tmp_path, mean_s=0.01)
    found = account(mesh(6), tmp_path)
    ends = {edge.target: edge.finished_s for edge in sorted(found.edges, key=lambda edge: edge.finished_s)}
    assert all(node.started_s >= ends[node.id] for node in found.nodes if node.id in ends and node.started_s)


def test_several_last_nodes_lead_to_the_end(tmp_path: Path) -> None:
    result = worked(star(4), tmp_path)
    found = account(star(4), tmp_path)
    assert [node.id for node in found.nodes] == ["0", "1", "2", "3", "+"]
    assert found.nodes[-1].artifact == result.artifact.text
    assert {turn.speaker for turn in found.turns["+"]} == {"aggregator"}
    assert found.critical_path[1][-1] == "+"
    assert found.run.critical == found.critical_path


def test_speakers_and_what_passed(tmp_path: Path) -> None:
    worked(mesh(5), tmp_path)
    found = account(mesh(5), tmp_path)
    speakers = {edge.id: [turn.speaker for turn in found.turns[edge.id]] for edge in found.edges}
    assert all(said[0] == "critic" for said in speakers.values())
    assert all((edge.artifact is not None) == ("actor" in speakers[edge.id]) for edge in found.edges)
    assert not any(turn.reply.replayed for turns in found.turns.values() for turn in turns)


def test_what_failed_and_what_was_skipped_says_why(tmp_path: Path) -> None:
    worked(mesh(3), tmp_path, model=_Failing)
    found = account(mesh(3), tmp_path)
    assert found.states["0->1"] == "skipped"
    assert next(edge.note for edge in found.edges if edge.id == "0->1") == "half a reply"
    assert found.states["2"] == "done"


def test_what_had_begun_waits_when_nobody_works_on_it(tmp_path: Path) -> None:
    worked(mesh(2), tmp_path)
    asked = [Event("0", 0.0, "run.begins"), Event("1", 0.5, "asked", "0")]
    with Journal.open(tmp_path / "journal.sqlite", "run", replay_only=True) as journal:
        for over, state in ((True, "waiting"), (False, "running")):
            assert Account(mesh(2), Text(), journal, asked, over=over).states["0"] == state
        assert Account(mesh(2), Text(), journal, asked, pending=["0->1"]).states["0->1"] == "asks"


def test_sittings_are_laid_end_to_end(tmp_path: Path) -> None:
    worked(mesh(2), tmp_path)
    events = [
        Event("0", 0.0, "run.begins"),
        Event("1", 2.0, "asked", "0"),
        Event("2", 3.0, "committed", "0"),
        Event("3", 0.1, "run.begins"),
        Event("4", 0.2, "committed", "0"),
        Event("5", 1.0, "asked", "0->1"),
    ]
    with Journal.open(tmp_path / "journal.sqlite", "run", replay_only=True) as journal:
        found = Account(mesh(2), Text(), journal, events, over=False)
    assert (found.nodes[0].started_s, found.nodes[0].finished_s) == (2.0, 3.0)
    assert found.edges[0].started_s == pytest.approx(4.0)


@pytest.mark.parametrize(
    ("element", "owner"),
    [("1", "1"), ("0->1", "0->1"), ("1+0.2", "1"), ("+0.0", "+"), ("+", "+"), ("a.b+12.30", "a.b")],
)
def test_a_merge_belongs_to_its_node(tmp_path: Path, element: str, owner: str) -> None:
    network = Network.of([("0", "1"), ("1", "a.b")])
    with Journal.open(tmp_path / "journal.sqlite", "run") as journal:
        assert Account(network, Text(), journal, []).owner(element) == owner


def test_the_critical_path_of_an_unfinished_run_ends_where_it_got(tmp_path: Path) -> None:
    worked(mesh(2), tmp_path, mean_s=0.01)
    network = Network.of([("0", "1"), ("1", "2"), ("2", "3")])
    path = account(network, tmp_path).critical_path[1]
    assert path == ["0", "0->1", "1"]
    with Journal.open(tmp_path / "none.sqlite", "run") as journal:
        assert Account(network, Text(), journal, []).critical_path == (0.0, ["0"])
