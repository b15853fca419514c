"""Networks in DOT, the language of Graphviz: our own reader and writer, as networkx leaves both to other packages.

Read is all of the language but HTML labels and joined strings: comments, defaults, subgraphs, groups, chains and ports
(which are passed over). Attributes other than those of `SETTINGS` are passed over too. In quoted text a backslash
stands before a quote, another backslash or ``n``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise, product
from typing import NamedTuple

from consilience.ground.errors import InvalidInput
from consilience.methods.agent_networks.blueprint import SETTINGS, Blueprint, Note, Sketch

__all__ = ["from_dot", "to_dot"]

_TOKENS = re.compile(
    r"""
    (?P<blank>\s+|//[^\n]*|/\*.*?\*/|^\#[^\n]*)
    |(?P<quoted>"(?:[^"\\]|\\.)*")
    |(?P<name>[^\W\d]\w*|-?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?))
    |(?P<sign>->|--|[{}\[\];,=:])
    """,
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_MEANT = {'"': '"', "\\": "\\", "n": "\n", "\n": ""}
_DEEPEST = 100


def to_dot(blueprint: Blueprint) -> str:
    """Write a network as a digraph, notes as attributes.

    Examples
    --------
    >>> from consilience.methods.agent_networks.topology import chain
    >>> print(to_dot(Blueprint(chain(2), {"0->1": Note(failure="skip")})), end="")
    digraph network {
      "0";
      "1";
      "0" -> "1" [failure="skip"];
    }
    """
    network, notes = blueprint.network, blueprint.notes
    quoted = [_quoted(name) for name in network.nodes]
    lines = [f"  {shown}{_attributes(notes.get(name))};" for shown, name in zip(quoted, network.nodes, strict=True)]
    lines += [
        f"  {quoted[tail]} -> {quoted[head]}{_attributes(notes.get(called))};"
        for (tail, head), called in zip(network.edges, network.edge_names, strict=True)
    ]
    return "\n".join(["digraph network {", *lines, "}", ""])


def from_dot(text: str) -> Blueprint:
    """Read a network from a digraph.

    Raises
    ------
    InvalidInput
        With the line, when the text is no digraph or no network.

    Examples
    --------
    >>> from_dot("digraph { a -> {b c} -> d [failure=skip] }").network.edge_names
    ('a->b', 'a->c', 'b->d', 'c->d')
    """
    return _Reader(text).read()


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _attributes(note: Note | None) -> str:
    if note is None:
        return ""
    return " [" + ", ".join(f"{name}={_quoted(_word(value))}" for name, value in note.settings.items()) + "]"


def _word(value: str | int | bool) -> str:  # noqa: FBT001  a value, not a switch
    return str(value).lower() if isinstance(value, bool) else str(value)


class _Token(NamedTuple):
    kind: str
    text: str
    line: int


@dataclass
class _Scope:
    """What holds between two braces: defaults, and the nodes that are named there."""

    node: dict[str, str] = field(default_factory=dict)
    edge: dict[str, str] = field(default_factory=dict)
    named: dict[str, None] = field(default_factory=dict)

    def inner(self) -> _Scope:
        return _Scope(dict(self.node), dict(self.edge))


class _Reader:
    """A reader that looks one token ahead."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._next = next(self._tokens)
        self._sketch = Sketch(open_ended=True)
        self._settings: dict[str, dict[str, str]] = {}
        self._lines: dict[str, int] = {}
        self._depth = 0

    def read(self) -> Blueprint:
        self._word("strict")
        if not self._word("digraph"):
            raise self._expected("digraph, as edges have a direction")
        if self._next.kind != "sign":
            self._take()
        self._statements(_Scope())
        if self._next.kind != "end":
            raise self._expected("the end")
        for name, settings in self._settings.items():
            self._sketch.node(name, self._lines[name], settings)
        return self._sketch.blueprint(in_order=True)

    def _statements(self, scope: _Scope) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise InvalidInput(f"line {self._next.line}: groups must be nested {_DEEPEST} deep at most.")
        self._must("{")
        while not self._sign("}"):
            if self._next.kind == "end":
                raise self._expected("}")
            self._statement(scope)
            self._sign(";")
        self._depth -= 1

    def _statement(self, scope: _Scope) -> None:
        for word in ("graph", "node", "edge"):
            if self._word(word):
                defaults = {"node": scope.node, "edge": scope.edge}.get(word, {})
                defaults.update(self._bracketed())
                return
        line = self._next.line
        first = self._name() if self._is_a_node() else None
        if first is not None and self._sign("="):
            self._name()
            return
        groups = [self._group(scope) if first is None else self._placed(first, line, scope)]
        while self._sign("->"):
            groups.append(self._operand(scope))
        settings = self._bracketed()
        if len(groups) == 1:
            if first is not None:
                self._settings[first].update(settings)
            return
        for tails, heads in pairwise(groups):
            for tail, head in product(tails, heads):
                self._sketch.edge(tail, head, line, {**scope.edge, **settings})

    def _operand(self, scope: _Scope) -> list[str]:
        """Read a node or a group, and return its nodes."""
        line = self._next.line
        return self._placed(self._name(), line, scope) if self._is_a_node() else self._group(scope)

    def _is_a_node(self) -> bool:
        return self._next.kind == "quoted" or (self._next.kind == "name" and self._next.text.lower() != "subgraph")

    def _placed(self, name: str, line: int, scope: _Scope) -> list[str]:
        while self._sign(":"):
            self._name()
        scope.named[name] = None
        if name not in self._settings:
            self._settings[name], self._lines[name] = dict(scope.node), line
        return [name]

    def _group(self, scope: _Scope) -> list[str]:
        if self._word("subgraph") and self._is_a_node():
            self._take()
        inner = scope.inner()
        self._statements(inner)
        scope.named.update(inner.named)
        return list(inner.named)

    def _bracketed(self) -> dict[str, str]:
        """Read what stands in brackets, and return what can be noted of it."""
        settings: dict[str, str] = {}
        while self._sign("["):
            while not self._sign("]"):
                name = self._name()
                self._must("=")
                settings[name] = self._name()
                self._sign(",") or self._sign(";")
        return {name: value for name, value in settings.items() if name in SETTINGS}

    def _name(self) -> str:
        if self._next.kind not in {"name", "quoted"}:
            raise self._expected("a name")
        return self._take().text

    def _word(self, word: str) -> bool:
        met = self._next.kind == "name" and self._next.text.lower() == word
        if met:
            self._take()
        return met

    def _sign(self, sign: str) -> bool:
        met = self._next.kind == "sign" and self._next.text == sign
        if met:
            self._take()
        return met

    def _must(self, sign: str) -> None:
        if not self._sign(sign):
            raise self._expected(sign)

    def _take(self) -> _Token:
        taken, self._next = self._next, next(self._tokens, self._next)
        return taken

    def _expected(self, what: str) -> InvalidInput:
        got = "the end" if self._next.kind == "end" else repr(self._next.text)
        return InvalidInput(f"line {self._next.line}: this is not a digraph in DOT; expected {what}, got {got}.")


def _tokens(text: str) -> Iterator[_Token]:
    at, line = 0, 1
    while at < len(text):
        match = _TOKENS.match(text, at)
        if match is None:
            raise InvalidInput(f"line {line}: this is not a digraph in DOT; it cannot have {text[at : at + 12]!r}.")
        kind, found = str(match.lastgroup), match[0]
        if kind == "quoted":
            yield _Token(kind, _ESCAPED.sub(lambda escape: _MEANT.get(escape[1], escape[0]), found[1:-1]), line)
        elif kind != "blank":
            yield _Token(kind, found, line)
        line += found.count("\n")
        at = match.end()
    yield _Token("end", "", line)
