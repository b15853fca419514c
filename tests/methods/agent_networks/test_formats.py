"""Files: written then read is the same in every format; what is wrong is told with file and line."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilience.ground.errors import InvalidInput, UnknownName
from consilience.methods.agent_networks.blueprint import Blueprint, Note
from consilience.methods.agent_networks.formats import FORMATS, read, write
from consilience.methods.agent_networks.graph import Cycle, Network
from consilience.methods.agent_networks.topology import chain, topology

CHARACTERS = st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"], exclude_characters="\ufffe\uffff")
NAMES = st.text(CHARACTERS, min_size=1, max_size=8).filter(
    lambda name: name.isprintable() and name == name.strip() and "->" not in name and "+" not in name
)
ROLES = st.text(CHARACTERS | st.sampled_from("\n\t\"\\'<>&"), max_size=20).map(str.strip).filter(bool)
NOTES = st.builds(
    Note,
    role=st.none() | ROLES,
    failure=st.sampled_from([None, "fail", "skip", "fallback"]),
    approval=st.booleans(),
)


@given(st.data())
def test_written_then_read_is_the_same(data: st.DataObject) -> None:
    suffix = data.draw(st.sampled_from(sorted(FORMATS)))
    shape = topology("random", data.draw(st.integers(1, 9)), seed=data.draw(st.integers(0, 99)))
    names = data.draw(st.lists(NAMES, min_size=len(shape), max_size=len(shape), unique=True))
    network = Network(tuple(names), shape.edges)
    elements = st.sampled_from([*network.nodes, *network.edge_names])
    notes = data.draw(st.dictionaries(elements, NOTES, max_size=6))
    last = network.sinks[-1]
    if network.parents(last):
        notes[names[last]] = Note(quorum=len(network.parents(last)), role="the last")
    blueprint = Blueprint(network, notes)
    form = FORMATS[suffix]
    assert form.read(form.write(blueprint)) == blueprint


@pytest.mark.parametrize("suffix", [*sorted(FORMATS), ".YAML"])
def test_files_are_told_apart_by_suffix(tmp_path: Path, suffix: str) -> None:
    blueprint = Blueprint(chain(3), {"0->1": Note(failure="skip")})
    assert read(write(blueprint, tmp_path / f"network{suffix}")) == blueprint
    assert [path.name for path in tmp_path.iterdir()] == [f"network{suffix}"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("bad.yaml", b"- 1->2\n- 2->2\n", r"bad\.yaml: line 2: an edge must join two different nodes; got 2->2"),
        ("bad.dot", b"digraph {\n a -> b\n a -> b\n}", r"bad\.dot: line 3: .*got a->b also in line 2"),
        ("bad.graphml", b"<graphml>\n<graph>\n</graphml>", r"bad\.graphml: line 3: this is not GraphML"),
        ("bad.yml", b"\xff\xfe", r"bad\.yml must be text in UTF-8"),
    ],
)
def test_what_is_wrong_is_told_with_file_and_line(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidInput, match=message) as caught:
        read(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_a_cycle_in_a_file_is_a_cycle(tmp_path: Path) -> None:
    (tmp_path / "round.yaml").write_text("- a->b->c->a\n")
    with pytest.raises(Cycle, match=r"round\.yaml: the edges of a network must not run in a circle") as caught:
        read(tmp_path / "round.yaml")
    assert caught.value.path == ("a", "b", "c", "a")


def test_a_mark_of_byte_order_is_no_name(tmp_path: Path) -> None:
    (tmp_path / "marked.dot").write_bytes(b"\xef\xbb\xbfdigraph { a -> b }")
    assert read(tmp_path / "marked.dot").network.nodes == ("a", "b")


def test_files_that_are_not_there_and_suffixes_that_are_unknown(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"nowhere\.yaml must be a readable file; No such file"):
        read(tmp_path / "nowhere.yaml")
    with pytest.raises(UnknownName, match=r"unknown format of a network '\.yam'; did you mean '\.yaml'"):
        read(tmp_path / "network.yam")
    with pytest.raises(UnknownName, match="unknown format of a network ''"):
        write(Blueprint(chain(2)), tmp_path / "network")
    assert not list(tmp_path.iterdir())
