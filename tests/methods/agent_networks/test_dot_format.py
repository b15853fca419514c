"""DOT: what Graphviz allows is read, and every slip told with its line."""

import pytest

from consilience.ground.errors import InvalidInput
from consilience.methods.agent_networks.blueprint import Blueprint, Note
from consilience.methods.agent_networks.dot_format import from_dot, to_dot
from consilience.methods.agent_networks.graph import Network


@pytest.mark.parametrize(
    ("text", "edges"),
    [
        ("digraph{a->b}", "a->b"),
        ("strict DIGRAPH named { a -> b -> c; }", "a->b b->c"),
        ("digraph { a -> {b; c} {b c} -> d }", "a->b a->c b->d c->d"),
        ("digraph { subgraph cluster_1 { a; b } -> c }", "a->c b->c"),
        ("digraph { subgraph { a -> b } -> c }", "a->b a->c b->c"),
        ("digraph { rankdir=LR; graph [bgcolor=white]; a:port:n -> b:s [weight=2][color=red, style=bold;] }", "a->b"),
        ('digraph { "two words" -> -1.5 -> .5 -> Ä }', "-1.5->.5 .5->Ä two words->-1.5"),
        ("/* a -> z */ digraph { // b\n# preprocessor\n a -> b // c\n }", "a->b"),
        ('digraph { "node" -> "a\\"b" -> "c\\\\" }', 'a"b->c\\ node->a"b'),
    ],
)
def test_what_graphviz_allows_is_read(text: str, edges: str) -> None:
    assert " ".join(sorted(from_dot(text).network.edge_names)) == edges


def test_nodes_stand_in_the_order_in_which_they_are_named() -> None:
    assert from_dot("digraph { z -> b; a -> b }").network.nodes == ("z", "b", "a")


def test_defaults_hold_for_what_follows_within_their_braces() -> None:
    read = from_dot(
        """digraph {
          first
          node [approval=true] edge [failure=skip]
          subgraph { edge [failure=fallback] first -> inner }
          first -> outer [failure=fail]
          inner -> outer
          outer [approval=false, role="You\\nend.", label=x]
        }"""
    )
    assert read.notes == {
        "inner": Note(approval=True),
        "outer": Note(role="You\nend."),
        "first->inner": Note(failure="fallback"),
        "first->outer": Note(failure="fail"),
        "inner->outer": Note(failure="skip"),
    }


def test_what_is_written_says_everything() -> None:
    network = Network(("z", 'say "a"'), ((0, 1),))
    noted = Blueprint(network, {"z": Note(role="one\ntwo", approval=True)})
    assert to_dot(noted) == (
        'digraph network {\n  "z" [role="one\\ntwo", approval="true"];\n  "say \\"a\\"";\n  "z" -> "say \\"a\\"";\n}\n'
    )
    assert from_dot(to_dot(noted)) == noted


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: this is not a digraph in DOT; expected digraph, as edges have a direction, got the end"),
        ("graph { a -- b }", "line 1: .*expected digraph, as edges have a direction, got 'graph'"),
        ("digraph {\n a -- b }", "line 2: .*got '--'"),
        ("digraph {\n a -> b", "line 2: .*expected }, got the end"),
        ("digraph {\n a -> b }\n}", "line 3: .*expected the end, got '}'"),
        ("digraph {\n a -> ; }", "line 2: .*expected {, got ';'"),
        ("digraph {\n a [role] }", "line 2: .*expected =, got '\\]'"),
        ("digraph {\n\n a -> <b> }", "line 3: .*it cannot have '<b> }'"),
        ('digraph {\n a -> "b }', "line 2: .*it cannot have"),
        ("digraph {\n a -> b\n a -> b }", "line 3: an edge must be given once; got a->b also in line 2"),
        ("digraph {\n a -> b [failure=halt] }", "line 2: unknown failure policy 'halt'"),
        ("digraph {\n a -> b\n b [quorum=2]\n}", "line 2: the quorum of 'b' must be at most its 1 in-edges; got 2"),
        ("digraph {}", "at least one agent; got 0"),
        ("digraph {\n" + "{" * 500, "line 2: groups must be nested 100 deep at most"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        from_dot(text)
