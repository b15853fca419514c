"""Graphs from events and calls alone: edges, merges, followings without circles."""

from consilience.dialogue.history import Call
from consilience.dialogue.messages import Message, Question, Reply
from consilience.dialogue.transcript import Event
from consilience.studio.graphs import graph_of


def call(element: str) -> Call:
    question = Question(element, (Message("user", ("?",)),))
    return Call(b"", question, "rehearsal:echo", Reply(text="!", model="rehearsal:echo", replayed=True), 0.0)


def events(*told: tuple[str, str, str]) -> list[Event]:
    return [
        Event(str(number), float(number), kind, element, tuple(filter(None, after.split())))
        for number, (kind, element, after) in enumerate(told)
    ]


def test_arrows_are_edges_and_merges_belong_to_their_node() -> None:
    told = events(
        ("asked", "0", ""),
        ("replied", "0", "0"),
        ("committed", "0", "1"),
        ("asked", "0->1", "2"),
        ("replied", "0->1", "3"),
        ("committed", "0->1", "4"),
        ("asked", "1+0.0", "5"),
    )
    graph = graph_of(told, [call("0"), call("0->1"), call("1+0.0")], over=False)
    assert [(node.id, node.state) for node in graph.nodes] == [("0", "done"), ("1", "running")]
    assert [(edge.id, edge.state) for edge in graph.edges] == [("0->1", "done")]
    assert {name: [turn.note for turn in turns] for name, turns in graph.turns.items()} == {
        "0": [""],
        "0->1": [""],
        "1": ["merge +0.0"],
    }
    assert graph.notice


def test_a_run_that_nobody_works_on_waits() -> None:
    assert [node.state for node in graph_of(events(("asked", "a", ""))).nodes] == ["waiting"]


def test_without_arrows_what_came_after_follows_and_never_in_a_circle() -> None:
    told = events(
        ("asked", "a", ""), ("asked", "b", "0"), ("asked", "a", "1"), ("asked", "c", "2 1"), ("asked", "c", "3"),
        ("met", "", "4"), ("asked", "d", "5"),
    )  # fmt: skip
    graph = graph_of(told)
    assert {edge.id for edge in graph.edges} == {"a->b", "a->c", "b->c"}
    assert "<!doctype html>" in graph.page("t", {})


def test_a_merge_of_nobody_known_stands_alone() -> None:
    graph = graph_of(events(("asked", "drafts+0.0", ""), ("asked", "+", "")))
    assert [node.id for node in graph.nodes] == ["drafts+0.0", "+"]


def test_an_arrow_to_itself_or_from_nowhere_is_a_node() -> None:
    graph = graph_of(events(("asked", "a->a", ""), ("asked", "->b", "")))
    assert (len(graph.nodes), graph.edges) == (2, [])


def test_nothing_happened_yet() -> None:
    assert graph_of([]).page("t", {}).startswith("<!doctype html>")
