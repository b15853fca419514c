"""Networks in YAML: a list of edges in one breath, or nodes and edges with notes.

The short form is a list of texts, each a cross product of names and ranges: ``1-3,5->7`` has the edges 1->7, 2->7, 3->7
and 5->7, and ``1->2-4->5`` goes on. The long form has ``nodes`` and ``edges``, each a list of names or of mappings with
notes::

    nodes:
      - plan
      - {name: write, role: You write Python., quorum: 1, approval: true}
    edges:
      - {edge: plan->write, failure: skip}
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise, product
from typing import Any

from consilience.ground.errors import InvalidInput, UnknownName
from consilience.ground.yaml_text import composed, library
from consilience.methods.agent_networks.blueprint import SETTINGS, Blueprint, Sketch
from consilience.methods.agent_networks.graph import MOST_EDGES

__all__ = ["edges_in", "from_yaml", "to_yaml"]

_ENDS = ("from", "to")
_RANGE = re.compile(r"([0-9]{1,9})-([0-9]{1,9})")


def edges_in(text: str) -> Iterator[tuple[str, str]]:
    """Yield the edges of a text such as ``1-3,5->7``.

    Raises
    ------
    InvalidInput
        When it is not of that form.

    Examples
    --------
    >>> list(edges_in("1-2,plan->7->8"))
    [('1', '7'), ('2', '7'), ('plan', '7'), ('7', '8')]
    """
    groups = [_group(part, text) for part in text.split("->")]
    if len(groups) < 2:  # noqa: PLR2004  an edge has two ends
        raise InvalidInput(f"an edge must be written as parent->child, such as 1-3,5->7; got {text!r}.")
    count = sum(len(tails) * len(heads) for tails, heads in pairwise(groups))
    if count > MOST_EDGES:
        raise InvalidInput(f"a text must stand for {MOST_EDGES} edges at most; got {count} in {text!r}.")
    for tails, heads in pairwise(groups):
        yield from product(tails, heads)


def from_yaml(text: str) -> Blueprint:
    """Read a network from YAML.

    Raises
    ------
    InvalidInput
        With the line, when the text is no YAML or no network.

    Examples
    --------
    >>> from_yaml("- 1-3->4").network.edge_names
    ('1->4', '2->4', '3->4')
    """
    top = _composed(text)
    if _is(top, "sequence"):
        sketch = Sketch(open_ended=True)
        for item in top.value:
            _read_edge(sketch, item)
        return sketch.blueprint(in_order=False)
    if not _is(top, "mapping"):
        raise InvalidInput("a network must be a list of edges, or a mapping with `nodes` and `edges`; got neither.")
    parts = _entries(top, ("nodes", "edges"))
    sketch = Sketch(open_ended="nodes" not in parts)
    for name, read in (("nodes", _read_node), ("edges", _read_edge)):
        for item in _items(parts.get(name), name):
            read(sketch, item)
    return sketch.blueprint(in_order="nodes" in parts)


def to_yaml(blueprint: Blueprint) -> str:
    """Write a network as YAML, in the long form.

    Examples
    --------
    >>> from consilience.methods.agent_networks.topology import chain
    >>> from_yaml(to_yaml(Blueprint(chain(3)))).network == chain(3)
    True
    """
    network, notes = blueprint.network, blueprint.notes
    written: dict[str, list[Any]] = {"nodes": [], "edges": []}
    for name in network.nodes:
        written["nodes"].append({"name": name, **notes[name].settings} if name in notes else name)
    for (tail, head), called in zip(network.edges, network.edge_names, strict=True):
        ends = {"from": network.nodes[tail], "to": network.nodes[head]}
        whole = all("," not in end and not _RANGE.fullmatch(end) for end in ends.values())
        if called in notes:
            written["edges"].append({**({"edge": called} if whole else ends), **notes[called].settings})
        else:
            written["edges"].append(called if whole else ends)
    yaml = library()
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    return str(yaml.dump(written, Dumper=dumper, sort_keys=False, allow_unicode=True, width=1000))


def _group(part: str, text: str) -> list[str]:
    names: list[str] = []
    for item in (piece.strip() for piece in part.split(",")):
        span = _RANGE.fullmatch(item)
        if not item:
            raise InvalidInput(f"an edge must be written as parent->child, such as 1-3,5->7; got {text!r}.")
        if span is None:
            names.append(item)
            continue
        first, last = int(span[1]), int(span[2])
        if not first <= last < first + MOST_EDGES:
            raise InvalidInput(f"a range must rise, and have {MOST_EDGES} numbers at most; got {item!r} in {text!r}.")
        names.extend(map(str, range(first, last + 1)))
    return names


def _composed(text: str) -> Any:
    """Return the text as nodes, which know their lines."""
    top = composed(text)
    if top is None:
        raise InvalidInput("a network must have at least one agent; got an empty text.")
    return top


def _is(node: Any, kind: str) -> bool:
    return bool(node.id == kind)


def _line(node: Any) -> int:
    return int(node.start_mark.line) + 1


def _text(node: Any, what: str) -> str:
    if not _is(node, "scalar"):
        raise InvalidInput(f"line {_line(node)}: {what} must be text; got a {node.id}.")
    return str(node.value)


def _entries(node: Any, known: tuple[str, ...]) -> dict[str, Any]:
    entries: dict[str, Any] = {}
    for key, value in node.value:
        name = _text(key, "a key")
        if name not in known:
            raise InvalidInput(f"line {_line(key)}: {UnknownName('key', name, known)}")
        if name in entries:
            raise InvalidInput(f"line {_line(key)}: a key must be given once; got {name!r} again.")
        entries[name] = value
    return entries


def _items(node: Any, name: str) -> list[Any]:
    if node is None:
        return []
    if not _is(node, "sequence"):
        raise InvalidInput(f"line {_line(node)}: `{name}` must be a list; got a {node.id}.")
    return list(node.value)


def _read_node(sketch: Sketch, item: Any) -> None:
    if _is(item, "mapping"):
        entries = _entries(item, ("name", *SETTINGS))
        if "name" not in entries:
            raise InvalidInput(f"line {_line(item)}: a node must have a `name`; got {', '.join(entries) or 'nothing'}.")
        sketch.only_node(_text(entries.pop("name"), "`name`"), _line(item), _settings(entries))
    else:
        sketch.only_node(_text(item, "a node"), _line(item))


def _read_edge(sketch: Sketch, item: Any) -> None:
    line = _line(item)
    settings: Mapping[str, str] = {}
    if _is(item, "mapping"):
        entries = _entries(item, ("edge", *_ENDS, *SETTINGS))
        ends = {name: _text(entries.pop(name), f"`{name}`") for name in ("edge", *_ENDS) if name in entries}
        settings = _settings(entries)
        if tuple(ends) not in (("edge",), _ENDS):
            told = ", ".join(ends) or "none of them"
            raise InvalidInput(f"line {line}: an edge must have `edge`, or `from` and `to`; got {told}.")
        pairs = edges_in(ends["edge"]) if "edge" in ends else iter([(ends["from"], ends["to"])])
    else:
        if _is(item, "sequence"):
            names = [str(end.value) for end in item.value if _is(end, "scalar")]
            shown = "->".join(names) if len(names) == len(item.value) == 2 else "a->b"  # noqa: PLR2004  an edge's ends
            raise InvalidInput(f"line {line}: an edge must be written as parent->child, such as {shown}; got a list.")
        pairs = edges_in(_text(item, "an edge"))
    try:
        found = list(pairs)
    except InvalidInput as error:
        raise InvalidInput(f"line {line}: {error}") from error
    for tail, head in found:
        sketch.edge(tail, head, line, settings)


def _settings(entries: Mapping[str, Any]) -> dict[str, str]:
    return {name: _text(value, f"`{name}`") for name, value in entries.items()}
