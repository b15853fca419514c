"""The page of a run: its graph to look at, and behind every element what was said, what it cost and what it changed.

One file without any request: the drawing is made here, texts travel once each as data that cannot become markup, and
the content policy lets no script run but the page's own.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from consilience.dialogue.graph_details import Texts, behind
from consilience.dialogue.graph_run import STATES, GraphEdge, GraphNode, Run, State, Turn
from consilience.dialogue.graph_sections import Section, SectionCell
from consilience.dialogue.graph_timeline import seconds
from consilience.ground.folder import write_whole

__all__ = ["STATES", "GraphEdge", "GraphNode", "Section", "SectionCell", "State", "Turn", "page", "write"]

_LINE = 90
"""Characters of a title at most."""


def write(
    path: Path | str,
    *,
    title: str,
    notice: str = "",
    nodes: Sequence[GraphNode],
    edges: Sequence[GraphEdge] = (),
    turns: Mapping[str, Sequence[Turn]] | None = None,
    facts: Mapping[str, str] | None = None,
    critical: tuple[float, Sequence[str]] | None = None,
    sections: Sequence[Section] = (),
) -> Path:
    """Write the page of a run to `path` and return it; see `page`. A title is cut that does not go on a line."""
    content = page(
        title=title if len(title) <= _LINE else f"{title[: _LINE - 1]}…",
        notice=notice,
        nodes=nodes,
        edges=edges,
        turns=turns,
        facts=facts,
        critical=critical,
        sections=sections,
    )
    return write_whole(path, content.encode("utf-8", "replace"))


def page(
    *,
    title: str,
    notice: str = "",
    nodes: Sequence[GraphNode],
    edges: Sequence[GraphEdge] = (),
    turns: Mapping[str, Sequence[Turn]] | None = None,
    facts: Mapping[str, str] | None = None,
    critical: tuple[float, Sequence[str]] | None = None,
    sections: Sequence[Section] = (),
) -> str:
    """Render the page of a run.

    Parameters
    ----------
    title
        The task, in a line.
    notice
        What every reader has to know before anything else, such as that no language model was at work.
    nodes, edges
        The graph, which has no circles. Of thousands of nodes the page shows a summary.
    turns
        What was said, by the id of a node or an edge.
    facts
        About the run as a whole, such as the model; shown beneath the title.
    critical
        The critical path, where the caller knows more of it than that calls of an element follow one another: its
        seconds, and its nodes and edges in order.
    sections
        Tables of the room, shown before the list of all elements.

    Raises
    ------
    InvalidInput
        When an id is there twice, an edge leads nowhere, or edges run in a circle.
    UnknownName
        When turns belong to no element, or the critical path leads through one that is not there.

    Examples
    --------
    >>> nodes = [GraphNode(id="0", artifact="draft"), GraphNode(id="1", artifact="better")]
    >>> html = page(title="A poem", nodes=nodes, edges=[GraphEdge(source="0", target="1", kind="critic")])
    >>> html.startswith("<!doctype html>"), "http://" in html
    (True, False)
    """
    run = Run(tuple(nodes), tuple(edges), dict(turns or {}), critical)
    environment = _environment()
    script, style = _own(environment, "graph_page.js"), _own(environment, "graph_page.css")
    policy = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    texts = Texts()
    data = {"elements": [behind(run, element, texts) for element in run.shown], "texts": texts.kept}
    return environment.get_template("graph_page.html.j2").render(
        title=title,
        notice=notice,
        facts=facts or {},
        run=run,
        states=STATES,
        sections=sections,
        texts=texts,
        script=script,
        style=style,
        policy=policy,
        data=_island(data),
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("consilience.dialogue", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(seconds=seconds, usd=_usd, count="{:,}".format, times=_times)
    return environment


def _own(environment: Environment, name: str) -> Markup:
    loader = environment.loader
    assert loader is not None  # noqa: S101  for the type checker; the environment is our own
    return Markup(loader.get_source(environment, name)[0])  # noqa: S704  a file of the house, not of a run


def _island(data: object) -> Markup:
    """Return data as JSON that can stand in a page: nothing in it can end the element that holds it."""
    written = json.dumps(data, separators=(",", ":"))
    for character, escape in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026")):
        written = written.replace(character, escape)
    return Markup(written)  # noqa: S704  no character of markup is left


def _times(value: float) -> str:
    return f"{value:,.0f}×" if value >= 100 else f"{value:.3g}×"  # noqa: PLR2004


def _usd(value: float | None) -> str:
    if value is None:
        return "no price"
    return f"${value:.2f}" if value >= 1 or value == 0 else f"${value:.2g}"
