"""YAML: the short form and the long one, and every slip told with its line."""

import pytest
import yaml

from consilience.ground.errors import InvalidInput
from consilience.methods.agent_networks.blueprint import Blueprint, Note
from consilience.methods.agent_networks.graph import Network
from consilience.methods.agent_networks.topology import chain
from consilience.methods.agent_networks.yaml_format import edges_in, from_yaml, to_yaml


@pytest.mark.parametrize(
    ("text", "edges"),
    [
        ("1-3,5->7", "1->7 2->7 3->7 5->7"),
        ("a , b -> c", "a->c b->c"),
        ("0->1-2->3", "0->1 0->2 1->3 2->3"),
        ("lead-critic->2-2", "lead-critic->2"),
        ("08->9-10", "08->9 08->10"),
    ],
)
def test_edges_in_a_text(text: str, edges: str) -> None:
    assert [f"{tail}->{head}" for tail, head in edges_in(text)] == edges.split()


def test_the_short_form_puts_numbers_in_their_order() -> None:
    assert from_yaml("- 10->2\n- 2->1,3\n").network.nodes == ("1", "2", "3", "10")


def test_the_long_form_keeps_the_order_of_nodes_and_notes() -> None:
    read = from_yaml(
        """
        nodes:
          - ship
          - {name: plan, role: "You plan.\\nWell.", approval: True}
          - name: write
            quorum: 1
        edges:
          - edge: plan->write,ship
            failure: skip
          - {from: write, to: ship, approval: false}
        """
    )
    assert read.network == Network(("ship", "plan", "write"), ((1, 0), (1, 2), (2, 0)))
    assert read.notes == {
        "plan": Note(role="You plan.\nWell.", approval=True),
        "write": Note(quorum=1),
        "plan->write": Note(failure="skip"),
        "plan->ship": Note(failure="skip"),
    }


def test_edges_without_nodes_and_nodes_without_edges() -> None:
    assert from_yaml("edges: [1->2]").network == Network.of([(1, 2)])
    assert from_yaml("nodes: [only]").network == Network(("only",), ())


def test_names_that_read_as_ranges_are_written_apart() -> None:
    odd = Blueprint(Network(("1-3", "a, b", "7"), ((0, 1), (0, 2))), {"1-3->7": Note(failure="skip")})
    written = to_yaml(odd)
    assert from_yaml(written) == odd
    assert yaml.safe_load(written)["edges"][0] == {"from": "1-3", "to": "a, b"}


def test_what_is_written_is_plain_yaml() -> None:
    assert yaml.safe_load(to_yaml(Blueprint(chain(2)))) == {"nodes": ["0", "1"], "edges": ["0->1"]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "at least one agent; got an empty text"),
        ("# nothing", "at least one agent; got an empty text"),
        ("[]", "at least one agent; got 0"),
        ("nodes: []", "at least one agent; got 0"),
        ("just words", "a list of edges, or a mapping with `nodes` and `edges`; got neither"),
        ("- 1->2\n- [1\n", "line 3: this is not YAML"),
        ("- 1->2\n- \a", "this is not YAML"),
        ("- 1->2\n- 1,2\n", "line 2: an edge must be written as parent->child.*got '1,2'"),
        ("- 1->\n", "line 1: an edge must be written as parent->child"),
        ("- 1,,2->3\n", "line 1: an edge must be written as parent->child"),
        ("- 1->2\n- 3-1->4\n", "line 2: a range must rise.*got '3-1'"),
        ("- 1-99999999->4\n", "line 1: a range must rise, and have 2000000 numbers at most"),
        ("- 1-9999->10000-19999\n", "line 1: a text must stand for 2000000 edges at most; got 99990000"),
        ("- 1->2\n- 1-3->2\n", "line 2: an edge must be given once; got 1->2 also in line 1"),
        ("- 1->2\n- [3, 4]\n", "line 2: an edge must be written as parent->child, such as 3->4; got a list"),
        ("nodes: [a, b]\nedges:\n- a->c\n", "line 3: every edge must join two nodes.*no 'c'"),
        ("nodes: [a, b]\nedges:\n- a->b\nedge: 1\n", "line 4: unknown key 'edge'; did you mean 'edges'"),
        ("nodes: [a, b]\nnodes: [a]\n", "line 2: a key must be given once; got 'nodes' again"),
        ("nodes: {a: 1}\n", "line 1: `nodes` must be a list; got a mapping"),
        ("nodes:\n- {role: me}\n", "line 2: a node must have a `name`; got role"),
        ("nodes:\n- a\n- a\n", "line 3: every node must be named once; got 'a' also in line 2"),
        ("nodes:\n- {name: [a]}\n", "line 2: `name` must be text; got a sequence"),
        ("nodes:\n- {name: a, rolle: me}\n", "line 2: unknown key 'rolle'; did you mean 'role'"),
        ("nodes:\n- a\n- {name: b, quorum: 2}\nedges: [a->b]", "line 3: the quorum of 'b' must be at most its 1"),
        ("edges:\n- {edge: a->b, failure: skipp}\n", "line 2: unknown failure policy 'skipp'; did you mean 'skip'"),
        ("edges:\n- {edge: a->b, quorum: 1}\n", "line 2: a quorum belongs to a node"),
        ("edges:\n- {from: a}\n", "line 2: an edge must have `edge`, or `from` and `to`; got from"),
        ("edges:\n- {failure: skip}\n", "line 2: an edge must have .* got none of them"),
        ("edges:\n- {edge: a->b, from: a, to: b}\n", "line 2: an edge must have .* got edge, from, to"),
        ("nodes: [a, b, lonely]\nedges: [a->b]", "got 1 without one: 'lonely'"),
        ("&a [*a]", "line 1: an edge must be written as parent->child, such as a->b; got a list"),
        (
            "- !!python/object/apply:os.system ['true']",
            "line 1: an edge must be written as parent->child, such as a->b",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message) as caught:
        from_yaml(text)
    assert "\n" not in str(caught.value)


def test_ends_are_taken_in_either_order() -> None:
    assert from_yaml("edges:\n- {to: b, from: a}\n").network.edge_names == ("a->b",)


@pytest.mark.parametrize("opening", ["[", "- ", "{a: "])
def test_what_is_nested_without_end_is_refused_and_the_process_lives(opening: str) -> None:
    with pytest.raises(InvalidInput, match="line 2: lists and mappings must be nested 20 deep at most"):
        from_yaml("\n" + opening * 500_000)
