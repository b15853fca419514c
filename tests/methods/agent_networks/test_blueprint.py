"""Notes on elements: what they mean for a run, and which cannot be."""

import pickle

import pytest

from consilience.ground.errors import InvalidInput, UnknownName
from consilience.methods.agent_networks.blueprint import Blueprint, Note, Sketch, as_noted
from consilience.methods.agent_networks.failure import Failure
from consilience.methods.agent_networks.graph import Network
from consilience.methods.agent_networks.profiles import Profiles

DIAMOND = Network.of([("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")])


def test_notes_become_what_a_run_asks_for() -> None:
    noted = Blueprint(
        DIAMOND,
        {
            "a->b": Note(failure="skip"),
            "d": Note(quorum=1, approval=True, role="You decide."),
            "b": Note(),
            "c": Note(failure="fallback", approval=True),
        },
    )
    failure = noted.failure("skip", 2)
    assert [failure.of(element) for element in ("a->b", "c", "d")] == ["skip", "fallback", "skip"]
    assert (failure.needed("d", 2), failure.needed("b", 3)) == (1, 2)
    assert noted.roles == {"d": "You decide."}
    assert noted.approvals == ("d", "c")
    assert "b" not in noted.notes
    assert noted == Blueprint(DIAMOND, dict(noted.notes))
    assert pickle.loads(pickle.dumps(noted)) == noted


def test_notes_stand_for_settings_and_what_a_setting_says_of_an_element_goes_before() -> None:
    noted = Blueprint(DIAMOND, {"d": Note(quorum=2, role="You decide."), "a": Note(role="You draft.", failure="skip")})
    profiles = Profiles(("You write.",), ("You read.",), {"a": "You plan."})
    given = Failure(policy="fallback", quorum=1, quorums={"d": 1})
    network, profiles, failure, approvals = as_noted(noted, profiles, given, None)
    assert (network, approvals) == (DIAMOND, None)
    assert [profiles.actor(0, node) for node in "abd"] == ["You plan.", "You write.", "You decide."]
    assert (failure.of("a"), failure.of("b"), failure.needed("d", 2)) == ("skip", "fallback", 1)
    assert as_noted(DIAMOND, None, given, None) == (DIAMOND, None, given, None)
    assert as_noted(Blueprint(DIAMOND), None, given, None) == (DIAMOND, None, given, None)


@pytest.mark.parametrize(
    ("element", "note", "error", "message"),
    [
        ("a->d", Note(approval=True), UnknownName, "unknown element 'a->d'; did you mean"),
        ("e", Note(failure="skip"), UnknownName, "unknown element 'e'"),
        ("a->b", Note(quorum=1), InvalidInput, "a quorum belongs to a node; got one for the edge a->b"),
        ("d", Note(quorum=3), InvalidInput, "the quorum of 'd' must be at most its 2 in-edges; got 3"),
    ],
)
def test_notes_that_fit_nothing(element: str, note: Note, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        Blueprint(DIAMOND, {element: note})


@pytest.mark.usefixtures("past_the_types")
@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"role": ""}, InvalidInput, "a role must be text"),
        ({"role": "bell \a"}, InvalidInput, "without control characters"),
        ({"role": " blank"}, InvalidInput, "or blanks around it"),
        ({"role": "half \ud800"}, InvalidInput, "a role must be text"),
        ({"failure": "skipp"}, UnknownName, "unknown failure policy 'skipp'; did you mean 'skip'"),
        ({"quorum": 0}, InvalidInput, "a quorum must be at least 1; got 0"),
    ],
)
def test_notes_that_cannot_be(settings: dict, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        Note(**settings)


def test_a_sketch_tells_the_lines() -> None:
    sketch = Sketch(open_ended=True)
    sketch.edge("a", "b", 3, {"failure": "skip"})
    with pytest.raises(InvalidInput, match=r"line 5: an edge must be given once; got a->b also in line 3\."):
        sketch.edge("a", "b", 5)
    with pytest.raises(InvalidInput, match="line 6: an edge must join two different nodes; got a->a"):
        sketch.edge("a", "a", 6)
    with pytest.raises(InvalidInput, match="line 7: unknown failure policy 'halt'"):
        sketch.edge("b", "c", 7, {"failure": "halt"})
    with pytest.raises(InvalidInput, match="line 8: `quorum` must be a whole number of at least 1; got 'two'"):
        sketch.node("b", 8, {"quorum": "two"})
    sketch.node("b", 9, {"quorum": "2"})
    with pytest.raises(InvalidInput, match="line 9: the quorum of 'b' must be at most its 1 in-edges; got 2"):
        sketch.blueprint(in_order=True)


def test_a_sketch_without_lines_tells_what_it_can() -> None:
    sketch = Sketch(open_ended=False)
    sketch.only_node("plan")
    with pytest.raises(InvalidInput, match=r"^every node must be named once; got 'plan' also before"):
        sketch.only_node("plan")
    with pytest.raises(InvalidInput, match=r"^every edge must join two nodes.*no 'plam'; did you mean 'plan'"):
        sketch.edge("plan", "plam")
    with pytest.raises(InvalidInput, match="`approval` must be true or false; got 'perhaps'"):
        sketch.node("plan", settings={"approval": "perhaps"})
