import asyncio
import json
import os
import subprocess
import sys
import time
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consilience.dialogue.budget import Budget, BudgetExhausted
from consilience.dialogue.faults import Latency
from consilience.dialogue.journal import Journal
from consilience.dialogue.messages import Reply, Usage
from consilience.dialogue.models import Denied, Unreachable
from consilience.dialogue.players import constant, talker
from consilience.dialogue.rehearsal import Rehearsal
from consilience.dialogue.retrying import Retry
from consilience.dialogue.session import NotInJournal, Session
from consilience.dialogue.transcript import Transcript, canonical_digest
from consilience.dialogue.work.artifact import Artifact
from consilience.dialogue.work.kinds import Text
from consilience.dialogue.work.merging import merge_calls
from consilience.ground.errors import InvalidInput, UnknownName
from consilience.methods.agent_networks.approval import Approved, Edited, Pending, Rejected, approvals_at
from consilience.methods.agent_networks.failure import ElementFailed, Failure
from consilience.methods.agent_networks.formats import read
from consilience.methods.agent_networks.graph import Network
from consilience.methods.agent_networks.plan import plan
from consilience.methods.agent_networks.prompts import AGGREGATOR, CRITIC, FINISHED
from consilience.methods.agent_networks.topology import chain, layer, mesh, star, tree
from consilience.methods.agent_networks.traversal import traverse

DIAMOND = Network.of([(0, 1), (0, 2), (1, 3), (2, 3)])
ONCE = Retry(attempts=1)


def sizes(most=200):
    return st.tuples(st.integers(1, most), st.integers(0, 2**32))


def network_of(size):
    """A random directed acyclic graph without isolated nodes: several sources and sinks, edges over many depths."""
    n, seed = size
    chance = np.random.default_rng(seed)
    density = chance.uniform(0, 8 / n)
    edges = {(i, j) for i in range(n) for j in range(i + 1, n) if chance.random() < density}
    touched = {node for edge in edges for node in edge}
    for node in range(n):
        if node not in touched and n > 1:
            other = (node + 1 + int(chance.integers(n - 1))) % n
            edges.add((min(node, other), max(node, other)))
            touched |= {node, other}
    names = chance.permutation(n).tolist()
    return Network.of([(names[i], names[j]) for i, j in edges], nodes=range(n))


class Trace:
    """A session that answers at once, and remembers who asked what, when, and what it saw."""

    def __init__(self, say=lambda question: f"work of {question.element} {question.occurrence}", wait=None):
        self.say, self.wait = say, wait
        self.begun, self.ended = {}, {}
        self.asked = []
        self.clock = 0

    async def ask(self, question, *, priority=0.0, caused_by=()):
        self.clock += 1
        self.begun.setdefault(question.element, self.clock)
        self.asked.append(question)
        if self.wait is not None:
            await self.wait(question)
        said = self.say(question)
        self.clock += 1
        self.ended[question.element] = self.clock
        if isinstance(said, Exception):
            raise said
        return Reply(text=said, model="m", usage=Usage(3, 2, 0.5))

    def last_event(self, element):
        return ()

    def by_element(self):
        return Counter(question.element for question in self.asked)


def go(network, session=None, **settings):
    return asyncio.run(traverse(network, "Do it.", session or Trace(), **{"kind": Text(), "rounds": 1, **settings}))


def role(question):
    system = question.messages[0].text
    return "critic" if CRITIC in system else "aggregator" if AGGREGATOR in system else "actor"


# --- laws ----------------------------------------------------------------------------------------------------------


@given(sizes(), st.integers(2, 4), st.integers(1, 3), st.sampled_from([1, 3, 1000]))
@settings(max_examples=100)
def test_each_edge_works_once_and_each_node_after_all_its_parents(size, group, rounds, width):
    network = network_of(size)

    async def wait(question):
        for _ in range(hash(question.key("m")) % 4):
            await asyncio.sleep(0)

    session = Trace(wait=wait)
    result = go(network, session, group=group, rounds=rounds, width=width)
    calls = session.by_element()
    assert {name for name in calls if "->" in name} == set(network.edge_names)
    assert all(calls[name] == 2 * rounds for name in network.edge_names)
    assert {name for name in calls if name in network.positions} == {network.nodes[node] for node in network.sources}
    merges = sum(
        merge_calls(len(network.incoming(node)), group) for node in range(len(network)) if network.incoming(node)
    )
    assert result.spent.calls == plan(network, rounds=rounds, group=group).calls.most
    assert sum("+" in name for name in calls) == merges + merge_calls(len(network.sinks), group)
    for tail, head in network.edges:
        name = f"{network.nodes[tail]}->{network.nodes[head]}"
        for edge in network.incoming(tail):
            assert session.ended[network.edge_names[edge]] < session.begun[name]
        merged = [at for at in session.ended if at.startswith(f"{network.nodes[tail]}+")]
        assert all(session.ended[at] < session.begun[name] for at in merged)


@given(sizes())
@settings(max_examples=100)
def test_all_work_is_in_the_final_artifact(size):
    """Every text holds the names of all whose work it builds on, so that the artifact itself says who is in it."""
    network = network_of(size)

    def say(question):
        if role(question) == "critic":
            return "more"
        seen = {int(word) for word in question.messages[1].text.replace("\n", " ").split() if word.isdecimal()}
        owner = question.element.split("->")[-1].split("+")[0]
        return " ".join(map(str, sorted(seen | ({int(owner)} if owner else set()))))

    result = go(network, Trace(say))
    assert result.artifact.text.split() == [str(at) for at in range(len(network))]
    assert result.ancestry == network.nodes


@given(sizes(60), st.lists(st.integers(0, 1000), min_size=1, max_size=20), st.integers(2, 3))
@settings(max_examples=60)
def test_ancestry_is_what_the_artifact_was_made_of_when_edges_are_skipped(size, failing, group):
    network = network_of(size)
    lost = {network.edge_names[at % len(network.edges)] for at in failing} if network.edges else set()

    def say(question):
        if question.element in lost:
            return Unreachable("gone")
        if role(question) == "critic":
            return "more"
        seen = {int(word) for word in question.messages[1].text.replace("\n", " ").split() if word.isdecimal()}
        owner = question.element.split("->")[-1].split("+")[0]
        return " ".join(map(str, sorted(seen | ({int(owner)} if owner else set()))))

    try:
        result = go(network, Trace(say), failure=Failure(policy="skip"), group=group)
    except ElementFailed:
        return
    assert result.artifact.text.split() == sorted(result.ancestry, key=int)
    assert all(result.elements[name].state == "skipped" for name in lost)


@given(sizes(40), st.integers(1, 5))
@settings(max_examples=40)
def test_an_edge_begins_the_moment_its_parent_stands(size, rounds):
    """In steps of one tick a call, the end comes exactly when the plan says that the slowest path ends."""
    network, loop_time = network_of(size), []

    async def timed():
        session = Rehearsal(constant("x"), latency=Latency(mean_s=1.0))
        async with Session(session) as asked:
            begun = asyncio.get_running_loop().time()
            await traverse(network, "Do it.", asked, kind=Text(), rounds=rounds)
            loop_time.append(asyncio.get_running_loop().time() - begun)

    with asyncio.Runner(loop_factory=Skipping) as runner:
        runner.run(timed())
    assert loop_time[0] == pytest.approx(plan(network, rounds=rounds).turns.most)


class Skipping(asyncio.SelectorEventLoop):
    """A loop whose clock jumps to the next thing to do, so that waiting takes no time."""

    def __init__(self):
        super().__init__()
        self.now = 0.0

    def time(self):
        return self.now

    def _run_once(self):
        if not self._ready and self._scheduled:
            self.now = max(self.now, min(handle.when() for handle in self._scheduled))
        super()._run_once()


def test_a_hundred_permutations_of_latency_give_one_artifact_and_one_log():
    network = Network.of([(i, j) for i in range(6) for j in range(i + 1, 6) if i * j % 4 != 2] + [(0, 6), (4, 7)])
    digests, logs, orders = set(), set(), set()

    async def once(seed):
        transcript = Transcript()
        model = Rehearsal(talker, latency=Latency(mean_s=0.1, sigma=0.8, seed=seed))
        async with Session(model, transcript=transcript) as session:
            result = await traverse(network, "Do it.", session, kind=Text(), rounds=2, transcript=transcript)
        events = transcript.events()
        digests.add(result.artifact.digest)
        logs.add(canonical_digest(events))
        orders.add(tuple(event.element for event in events))

    for seed in range(100):
        with asyncio.Runner(loop_factory=Skipping) as runner:
            runner.run(once(seed))
    assert (len(digests), len(logs)) == (1, 1)
    assert len(orders) > 90


def test_every_event_comes_after_what_it_needs():
    transcript = Transcript()

    async def run():
        async with Session(Rehearsal(talker), transcript=transcript) as session:
            await traverse(DIAMOND, "Do it.", session, kind=Text(), rounds=2, transcript=transcript)

    asyncio.run(run())
    events = {event.id: event for event in transcript.events()}
    before = {}
    for name, event in events.items():
        before[name] = {name}.union(*(before[one] for one in event.after))
    ended = {event.element: name for name, event in events.items() if event.kind == "committed"}
    assert set(ended) == {*DIAMOND.nodes, *DIAMOND.edge_names, "3+0.0"}
    for edge, (tail, head) in zip(DIAMOND.edge_names, DIAMOND.edges, strict=True):
        assert ended[str(tail)] in before[ended[edge]]
        assert ended[edge] in before[ended[str(head)]]
    assert before[ended["3"]] == {name for name, event in events.items() if event.kind != "run.ends"}
    begins = next(event for event in events.values() if event.kind == "run.begins")
    assert begins.facts["elements"] == len(ended)


def test_the_largest_prompt_does_not_grow_with_the_network():
    say = lambda question: "c" * 50 if role(question) == "critic" else "w" * 400  # noqa: E731
    sizes = {
        shape.__name__: [go(shape(agents), Trace(say)).largest_prompt for agents in (16, 64)]
        for shape in (chain, star, tree, layer, mesh)
    }
    for small, large in sizes.values():
        assert large <= 1.05 * small


def test_nobody_sees_more_than_a_group_of_artifacts():
    session = Trace()
    go(star(50).reverse(), session, group=3)
    assert max(question.messages[1].text.count("<work>") for question in session.asked) == 3


def test_the_paper_s_counts_of_calls():
    assert [go(shape(16)).spent.calls for shape in (chain, star, tree, layer, mesh)] == [31, 45, 38, 139, 346]


# --- rounds, temperature, seeds ------------------------------------------------------------------------------------


def test_a_critic_who_has_nothing_to_add_ends_the_exchange():
    said = {0: "shorter", 2: FINISHED}
    session = Trace(lambda question: said.get(question.occurrence, "work") if role(question) == "critic" else "work")
    result = go(chain(2), session, rounds=5)
    assert [question.occurrence for question in session.asked if question.element == "0->1"] == [0, 1, 2]
    assert result.elements["0->1"].rounds == 1


def test_comments_and_work_reach_the_actor_and_nothing_else_does():
    session = Trace(lambda question: f"[{question.element}:{question.occurrence}]")
    go(chain(3), session, rounds=2)
    last = session.asked[-1].messages[1].text
    assert "[1->2:1]" in last
    assert "[1->2:2]" in last
    assert "[0->1" not in last
    assert "[1->2:0]" not in last


def test_temperature_falls_with_depth():
    session = Trace()
    go(chain(5), session, temperature=(1.0, 0.2))
    by_element = {question.element: question.settings.temperature for question in session.asked}
    assert by_element == {"0": 1.0, "0->1": 0.8, "1->2": 0.6, "2->3": 0.4, "3->4": 0.2}


def test_seeds_and_profiles_belong_to_the_seed_of_the_run():
    def asked(seed):
        session = Trace()
        go(mesh(12), session, seed=seed)
        return {(question.element, question.occurrence): question for question in session.asked}

    first, again, other = asked(0), asked(0), asked(1)
    assert first == again
    assert first.keys() == other.keys()
    assert sum(first[at].settings.seed != other[at].settings.seed for at in first) > len(first) / 2
    assert len({question.messages[0].text for question in first.values()}) > 20


def test_a_network_of_a_file_brings_its_notes(tmp_path):
    path = tmp_path / "net.yaml"
    path.write_text(
        "nodes: [{name: a, role: You draft.}, b, {name: c, approval: true}]\n"
        "edges: [{edge: a->b, failure: skip}, a->c, {edge: b->c, failure: fallback}]\n"
    )
    submitted = []

    async def approve(submission):
        submitted.append(submission.element)
        return Approved()

    session = failing("a->b")
    result = go(read(path), session, approvals=approve, failure=Failure(policy="skip", each={"a->b": "fallback"}))
    assert "You draft." in session.asked[0].messages[0].text
    assert submitted == ["c"]
    assert result.elements["a->b"].state == "fallback"  # what a setting says goes before the note
    assert go(read(path), failing("b->c"), approvals=approve).elements["b->c"].state == "fallback"
    alone = Trace()
    go(read(path).network, alone)
    assert "You draft." not in alone.asked[0].messages[0].text
    with pytest.raises(InvalidInput, match="somebody has to approve what c made, as the network says; give"):
        go(read(path))


def test_the_longest_remaining_path_goes_first():
    network = Network.of([(0, 1), (0, 2), (2, 3), (3, 4), (4, 1)])
    session = Trace()
    go(network, session, width=1)
    order = list(dict.fromkeys(question.element for question in session.asked))
    assert order.index("0->2") < order.index("0->1")


def test_no_more_work_at_once_than_the_width():
    at_once, most = 0, 0

    async def wait(question):
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0)
        at_once -= 1

    go(star(100), Trace(wait=wait), width=7)
    assert most == 7


# --- what cannot be used -------------------------------------------------------------------------------------------


class Graded(Text):
    """An artifact is as good as the number that it begins with."""

    def read(self, reply):
        grade = int(reply[0]) if reply[:1].isdecimal() else 0
        return Artifact(reply, grade, "" if grade > 2 else "not good enough")


def test_work_that_parses_worse_never_stands():
    def say(question):
        if role(question) == "critic":
            return "more"
        return {"0": "3 draft", "0->1": "1 worse", "1->2": "3 better"}[question.element]

    transcript = Transcript()
    session = Trace(say)
    result = go(chain(3), session, kind=Graded(), reasks=1, transcript=transcript)
    assert result.artifact.text == "3 better"
    assert session.by_element()["0->1"] == 3
    assert result.elements["0->1"].digest == Artifact("3 draft").digest
    assert result.elements["0->1"].dropped == 2
    dropped = [event for event in transcript.events() if event.kind == "dropped"]
    assert [event.facts["reason"] for event in dropped] == ["not good enough"] * 2


@given(sizes(25), st.integers(0, 2**32), st.integers(0, 1))
@settings(max_examples=60)
def test_no_grade_ever_falls_along_an_edge_or_in_a_merge(size, seed, reasks):
    network, chance, grades = network_of(size), np.random.default_rng(seed), {}

    def say(question):
        if role(question) == "critic":
            return "more"
        grade = 2 if question.element in network.positions else int(chance.integers(0, 4))
        return f"{grade} {question.element} {question.occurrence}"

    class Watching(Graded):
        def read(self, reply):
            artifact = super().read(reply)
            grades[artifact.digest] = artifact.grade
            return artifact

    result = go(network, Trace(say), kind=Watching(), rounds=2, reasks=reasks)
    grade = {name: grades[facts.digest] for name, facts in result.elements.items()}
    for name, (tail, _) in zip(network.edge_names, network.edges, strict=True):
        assert grade[name] >= grade[network.nodes[tail]]
    for node, name in enumerate(network.nodes):
        incoming = network.incoming(node)
        assert grade[name] >= max((grade[network.edge_names[edge]] for edge in incoming), default=2)
    assert result.artifact.grade >= max(grade[network.nodes[sink]] for sink in network.sinks)


def test_a_reply_that_cannot_be_used_is_asked_for_again_with_the_reason():
    replies = iter(["nothing", "2 draft"])
    session = Trace(lambda question: next(replies))
    assert go(Network(("0",), ()), session, kind=Graded()).artifact.text == "2 draft"
    assert [message.role for message in session.asked[1].messages] == ["system", "user", "assistant", "user"]
    assert "not good enough" in session.asked[1].messages[-1].text


def test_a_merge_that_parses_worse_gives_its_best_member_and_ancestry_says_so():
    def say(question):
        if role(question) == "aggregator":
            return "0"
        if role(question) == "critic":
            return "more"
        return "3 good" if question.element == "2->3" else "2 fair"

    result = go(DIAMOND, Trace(say), kind=Graded())
    assert result.artifact.text == "3 good"
    assert result.ancestry == ("0", "2", "3")
    assert result.elements["3+0.0"].state == "fallback"


def test_a_draft_that_never_parses_fails():
    with pytest.raises(ElementFailed, match="0 failed: no draft could be read as an answer"):
        go(chain(2), Trace(lambda question: "none"), kind=Graded())


# --- failure -------------------------------------------------------------------------------------------------------


def failing(*elements, error=None):
    error = error or Unreachable("nobody there")
    return Trace(lambda question: error if question.element in elements else f"work of {question.element}")


def test_an_edge_that_fails_stops_the_run():
    with pytest.raises(ElementFailed, match="1->3 failed: nobody there") as caught:
        go(DIAMOND, failing("1->3"))
    assert isinstance(caught.value.__cause__, Unreachable)


def test_an_edge_that_fails_is_skipped():
    result = go(DIAMOND, failing("1->3"), failure=Failure(each={"1->3": "skip"}))
    assert result.ancestry == ("0", "2", "3")
    assert result.elements["1->3"].state == "skipped"
    assert "3+0.0" not in result.elements


def test_an_edge_that_fails_lets_its_parent_s_artifact_pass():
    result = go(DIAMOND, failing("1->3"), failure=Failure(policy="fallback"))
    assert result.ancestry == ("0", "1", "2", "3")
    assert result.elements["1->3"].state == "fallback"
    assert result.elements["1->3"].digest == result.elements["1"].digest


def test_a_node_that_gets_less_than_its_quorum_fails():
    skipping = Failure(policy="skip", each={"3": "fail"}, quorums={"3": 2})
    assert go(DIAMOND, failing(), failure=skipping).outcome == "done"
    with pytest.raises(ElementFailed, match="3 failed: 1 of its 2 in-edges gave something; it needs 2"):
        go(DIAMOND, failing("1->3"), failure=skipping)


@pytest.mark.parametrize(("policy", "state"), [("skip", "skipped"), ("fallback", "done")])
def test_what_a_node_below_its_quorum_gives_is_up_to_its_policy(policy, state):
    network = Network.of([*DIAMOND.edges, (0, 4), (3, 4)])
    failure = Failure(policy="skip", each={"3": policy}, quorums={"3": 2})
    result = go(network, failing("1->3"), failure=failure)
    assert result.elements["3"].state == state
    assert ("3" in result.ancestry) == (state == "done")


def test_nothing_flows_from_a_node_that_gave_nothing():
    network = Network.of([(0, 2), (1, 2), (1, 3), (3, 2)])
    result = go(network, failing("1"), failure=Failure(policy="skip"))
    assert result.ancestry == ("0", "2")
    assert {name for name, facts in result.elements.items() if facts.state == "skipped"} == {
        "1",
        "1->2",
        "1->3",
        "3",
        "3->2",
    }


def test_a_run_without_an_end_fails_whatever_the_policy():
    with pytest.raises(ElementFailed, match="none of its last nodes"):
        go(chain(300), failing("0"), failure=Failure(policy="skip"))


def test_a_merge_that_fails_follows_the_policy_of_its_node():
    with pytest.raises(ElementFailed, match=r"3\+0.0 failed"):
        go(DIAMOND, failing("3+0.0"))
    result = go(DIAMOND, failing("3+0.0"), failure=Failure(each={"3": "skip"}))
    assert result.ancestry == ("0", "1", "3")


def test_all_that_a_dropped_member_was_made_of_leaves_the_ancestry():
    result = go(star(6).reverse(), failing("0+1.0"), failure=Failure(each={"0": "skip"}))
    assert result.ancestry == ("0", "1", "2", "5")


def test_the_merges_at_the_end_have_a_policy_of_their_own():
    with pytest.raises(ElementFailed, match=r"\+0.0 failed"):
        go(star(3), failing("+0.0"))
    result = go(star(3), failing("+0.0"), failure=Failure(each={"+": "fallback"}))
    assert result.ancestry == ("0", "1")


def test_a_wrong_key_stops_the_run_whatever_the_policy():
    with pytest.raises(Denied):
        go(DIAMOND, failing("1->3", error=Denied("the key is wrong")), failure=Failure(policy="skip"))


def test_what_was_asked_is_waited_for_when_another_fails():
    async def wait(question):
        await asyncio.sleep(0 if question.element == "0->3" else 0.01)

    session = Trace(lambda question: Unreachable("x") if question.element == "0->3" else "work", wait)
    with pytest.raises(ElementFailed):
        go(star(6), session)
    assert set(session.ended) == {"0", "0->1", "0->2", "0->3", "0->4", "0->5"}
    assert session.by_element()["0->1"] == 1


def test_a_bug_is_not_taken_for_a_failure():
    def say(question):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        go(DIAMOND, Trace(say), failure=Failure(policy="skip"))


def test_cancelling_leaves_no_task_behind():
    async def run():
        started = asyncio.Event()

        async def wait(question):
            if "->" in question.element:
                started.set()
                await asyncio.sleep(3600)

        running = asyncio.ensure_future(traverse(star(50), "Do it.", Trace(wait=wait), kind=Text()))
        await started.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        return len(asyncio.all_tasks())

    assert asyncio.run(run()) == 1


# --- approvals -----------------------------------------------------------------------------------------------------


def deciding(decisions, asked=None):
    async def decide(submission):
        if asked is not None:
            asked.append(submission.element)
        return decisions.get(submission.element, Approved())

    return decide


def test_everything_that_stands_is_submitted_first():
    asked = []
    go(DIAMOND, approvals=deciding({}, asked))
    assert sorted(asked) == sorted([*DIAMOND.nodes, *DIAMOND.edge_names])


def test_only_what_is_named_has_to_be_approved():
    asked = []
    go(DIAMOND, approvals=approvals_at({"1", "2->3"}, deciding({}, asked)))
    assert sorted(asked) == ["1", "2->3"]


def test_an_edit_is_what_others_build_on():
    session = Trace()
    result = go(DIAMOND, session, approvals=deciding({"1": Edited("EDITED")}))
    assert result.elements["1"].digest == Artifact("EDITED").digest
    assert any("EDITED" in question.messages[1].text for question in session.asked if question.element == "1->3")
    with pytest.raises(InvalidInput, match="edited artifact of 1 must be an answer; the answer is empty"):
        go(DIAMOND, approvals=deciding({"1": Edited(" ")}))


def test_a_rejection_is_a_failure_of_its_element():
    with pytest.raises(ElementFailed, match="1->3 failed: too long"):
        go(DIAMOND, approvals=deciding({"1->3": Rejected("too long")}))
    result = go(DIAMOND, approvals=deciding({"1->3": Rejected("no")}), failure=Failure(policy="fallback"))
    assert result.elements["1->3"].digest == result.elements["1"].digest
    result = go(DIAMOND, approvals=deciding({"1": Rejected("no")}), failure=Failure(policy="skip"))
    assert result.ancestry == ("0", "2", "3")


def test_what_waits_on_an_edge_holds_back_its_child_and_nothing_else():
    result = go(Network.of([*DIAMOND.edges, (2, 4)]), approvals=deciding({"1->3": Pending()}))
    assert (result.outcome, result.pending, result.artifact) == ("pending", ("1->3",), None)
    assert set(result.ends) == {"4"}
    assert result.elements["2->3"].state == "done"
    assert "3" not in result.elements


def test_a_pending_approval_ends_the_run_cleanly_and_a_resume_goes_on(tmp_path):
    path = tmp_path / "journal.sqlite"

    def run(decisions, asked):
        async def once():
            with Journal.open(path, "run") as journal:
                async with Session(Rehearsal(talker), journal=journal) as session:
                    result = await traverse(
                        DIAMOND,
                        "Do it.",
                        session,
                        kind=Text(),
                        rounds=1,
                        journal=journal,
                        approvals=deciding(decisions, asked),
                    )
                    return result, session.tally.sent

        return asyncio.run(once())

    waiting, sent = run({"1": Pending(), "2": Edited("EDITED")}, [])
    assert (waiting.outcome, waiting.artifact, waiting.pending, waiting.ancestry) == ("pending", None, ("1",), ())
    assert sent == 1 + 2 * 3
    asked = []
    done, sent = run({}, asked)
    assert (done.outcome, done.pending, sent) == ("done", (), 2 + 1)
    assert sorted(asked) == ["1", "1->3", "3"]
    assert done.elements["2"].digest == Artifact("EDITED").digest
    whole, sent = run({}, asked := [])
    assert (whole.artifact, sent, asked) == (done.artifact, 0, [])


# --- journal -------------------------------------------------------------------------------------------------------


def test_artifacts_of_nodes_are_kept_with_those_that_went_into_them(tmp_path):
    network = Network.of([*DIAMOND.edges, (0, 4)])

    async def once():
        with Journal.open(tmp_path / "journal.sqlite", "run") as journal:
            async with Session(Rehearsal(talker), journal=journal) as session:
                result = await traverse(network, "Do it.", session, kind=Text(), rounds=1, journal=journal)
            return result, {made.element: made for made in journal.artifacts()}

    result, made = asyncio.run(once())
    assert {name: one.parents for name, one in made.items()} == {
        "0": (), "1": ("0",), "2": ("0",), "3": ("1", "2"), "4": ("0",), "+": ("3", "4"),
    }  # fmt: skip
    assert made["+"].text == result.artifact.text
    assert made["+"].digest.hex() == result.artifact.digest == result.elements["+"].digest
    assert set(result.ends) == {"3", "4"}


def test_a_run_is_replayed_without_a_model_and_only_that_run(tmp_path):
    async def once(task, **how):
        with Journal.open(tmp_path / "journal.sqlite", "run", replay_only=how.get("offline", False)) as journal:
            async with Session(Rehearsal(talker), journal=journal, **how) as session:
                return await traverse(mesh(6), task, session, kind=Text(), rounds=1, journal=journal)

    first = asyncio.run(once("Do it."))
    again = asyncio.run(once("Do it.", offline=True))
    assert again.artifact == first.artifact
    assert again.spent.replayed == again.spent.calls == first.spent.calls
    with pytest.raises(NotInJournal):
        asyncio.run(once("Do something else.", offline=True))


def test_a_budget_that_is_used_up_stops_the_run_and_a_higher_one_goes_on(tmp_path):
    async def once(calls):
        with Journal.open(tmp_path / "journal.sqlite", "run") as journal:
            async with Session(Rehearsal(talker), journal=journal, budget=Budget(calls=calls)) as session:
                try:
                    return await traverse(mesh(8), "Do it.", session, kind=Text(), rounds=1, journal=journal)
                finally:
                    sent.append(session.tally.sent)

    sent = []
    with pytest.raises(BudgetExhausted):
        asyncio.run(once(20))
    result = asyncio.run(once(1000))
    assert sent[0] == 20
    assert sum(sent) == result.spent.calls == result.spent.replayed + sent[1]


PROGRAM = """
import asyncio, os, sys, time
from pathlib import Path
from consilience.dialogue.faults import Latency
from consilience.dialogue.journal import Journal
from consilience.dialogue.players import talker
from consilience.dialogue.rehearsal import Rehearsal
from consilience.dialogue.session import Session
from consilience.dialogue.work.kinds import Text
from consilience.methods.agent_networks.topology import mesh
from consilience.methods.agent_networks.traversal import traverse

folder = Path(sys.argv[1])
log = os.open(folder / "sent", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

class Counted(Rehearsal):
    async def reply(self, question):
        os.write(log, f"sent {question.element} {question.occurrence}\\n".encode())
        reply = await super().reply(question)
        os.write(log, f"came {question.element} {question.occurrence}\\n".encode())
        return reply

async def main():
    with Journal.open(folder / "journal.sqlite", "run") as journal:
        async with Session(Counted(talker, latency=Latency(mean_s=0.002, sigma=0.8)), journal=journal) as session:
            return await traverse(mesh(12), "Do it.", session, kind=Text(), rounds=1, journal=journal)

print(asyncio.run(main()).artifact.digest)
"""


def test_a_killed_run_goes_on_and_repeats_only_what_was_in_flight(tmp_path):
    (tmp_path / "run.py").write_text(PROGRAM)
    expected = go_digest()
    chance = np.random.default_rng(5)
    kills = 0
    for _ in range(4):
        child = subprocess.Popen(
            [sys.executable, str(tmp_path / "run.py"), str(tmp_path)], stdout=subprocess.PIPE, env=os.environ
        )
        log, target = tmp_path / "sent", int(chance.integers(20, 120))
        start = log.stat().st_size if log.exists() else 0
        while child.poll() is None and (not log.exists() or log.stat().st_size < start + 12 * target):
            time.sleep(0.001)
        kills += child.poll() is None
        child.kill()
        child.communicate()
    done = subprocess.run(
        [sys.executable, str(tmp_path / "run.py"), str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert kills >= 2
    assert done.stdout.split() == [expected]
    lines = (tmp_path / "sent").read_text().splitlines()
    sent = Counter(line[5:] for line in lines if line.startswith("sent"))
    flying, most = set(), 0
    for line in lines:
        (flying.add if line.startswith("sent") else flying.discard)(line[5:])
        most = max(most, len(flying))
    assert sum(sent.values()) - len(sent) <= kills * most


def go_digest():
    async def once():
        async with Session(Rehearsal(talker)) as session:
            return await traverse(mesh(12), "Do it.", session, kind=Text(), rounds=1)

    return asyncio.run(once()).artifact.digest


# --- scale and bad input -------------------------------------------------------------------------------------------


SCALE = """
import asyncio, json, sys, time
from consilience.dialogue.messages import Reply
from consilience.methods.agent_networks import topology
from consilience.dialogue.work.kinds import Text
from consilience.ground.machine import peak_memory_mb
from consilience.methods.agent_networks.traversal import traverse

class Constant:
    reply = Reply(text="work", model="m")
    calls = 0

    async def ask(self, question, *, priority=0.0, caused_by=()):
        self.calls += 1
        return self.reply

    def last_event(self, element):
        return ()

asyncio.run(traverse(topology.chain(2), "Do it.", Constant(), kind=Text(), rounds=1))
network, session = getattr(topology, sys.argv[1])(int(sys.argv[2])), Constant()
before, start = peak_memory_mb(), time.process_time()
result = asyncio.run(traverse(network, "Do it.", session, kind=Text(), rounds=1))
cpu_s = time.process_time() - start
grown = peak_memory_mb() - before
print(json.dumps([session.calls, cpu_s, grown, len(result.ancestry)]))
"""


@pytest.mark.parametrize(
    ("shape", "agents", "most_s", "most_mb"),
    [("star", 10_000, 3, 100), ("mesh", 64, 0.5, 20), ("chain", 100_000, 10, 400)],
)
def test_large_networks_run_within_their_time(shape, agents, most_s, most_mb):
    """In a process of its own, where nobody looks at the types of arguments."""
    done = subprocess.run(
        [sys.executable, "-c", SCALE, shape, str(agents)], capture_output=True, text=True, check=True, env=os.environ
    )
    calls, cpu_s, grown_mb, ancestors = json.loads(done.stdout)
    assert ancestors == agents
    assert cpu_s < most_s
    assert cpu_s / calls < 50e-6
    assert grown_mb < most_mb


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"rounds": 0}, "`rounds` must be at least 1; got 0"),
        ({"group": 1}, "`group` must be at least 2"),
        ({"width": 0}, "`width` must be at least 1; got 0"),
        ({"reasks": -1}, "`reasks` must be at least 0; got -1"),
        ({"temperature": (1.0, float("nan"))}, "`temperature` must be two finite numbers"),
    ],
)
def test_bad_settings_are_refused_before_anybody_is_asked(settings, told):
    session = Trace()
    with pytest.raises(InvalidInput, match=told):
        go(DIAMOND, session, **settings)
    assert not session.asked


def test_an_empty_task_and_an_unknown_element_are_refused():
    with pytest.raises(InvalidInput, match="the task must say what is to be done"):
        asyncio.run(traverse(DIAMOND, " \n", Trace(), kind=Text()))
    with pytest.raises(UnknownName, match="did you mean '1->3'"):
        go(DIAMOND, failure=Failure(each={"1->33": "skip"}))
