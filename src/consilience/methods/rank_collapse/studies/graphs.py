"""Whether the analysis of masks is exact: against brute force on small graphs, and closed forms of named masks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from jaxtyping import Bool
from matplotlib.figure import Figure as Canvas

from consilience.ground import Evidence, Measurement, RunFolder, Streams, Table
from consilience.methods.rank_collapse.config import Config
from consilience.methods.rank_collapse.graph import Connectivity, connectivity
from consilience.methods.rank_collapse.mask_facts import MaskFacts, facts
from consilience.methods.rank_collapse.mask_language import parse_mask
from consilience.methods.rank_collapse.portrait import GREY, draw_pattern

__all__ = ["by_brute_force", "graphs", "looped_digraphs"]

NODES = 4

NAMED: dict[str, Callable[[int], int | None]] = {
    "complete": lambda _: 1,
    "causal": lambda _: 1,
    "prefix(4)": lambda _: 1,
    "sink(1)": lambda _: 1,
    "global(1)": lambda _: 1,
    "window(8)": lambda n: _ceil(n // 2, 8),
    "window(4)": lambda n: _ceil(n // 2, 4),
    "window(2)": lambda n: _ceil(n // 2, 2),
    "window(1)": lambda n: n // 2,
    "window(8, 0)": lambda n: _ceil(n - 1, 8),
    "window(4, 0)": lambda n: _ceil(n - 1, 4),
    "window(2, 0)": lambda n: _ceil(n - 1, 2),
    "window(1, 0)": lambda n: n - 1,
    "ring(1)": lambda n: n - 1,
    "ring(3)": lambda n: _ceil(n - 1, 3),
    "causal & (strided(4) | window(1))": lambda _: 4,
    "window(2) | global(1)": lambda _: 1,
    "window(2) | sink(1)": lambda _: 1,
    "block(8)": lambda _: None,
    "~block(8)": lambda _: 2,
}
"""Masks with the closed forms of their radii for n tokens, n at least 24; None without a centre."""

SHOWN = ("causal", "window(4)", "window(4, 0)", "sink(1)", "causal & (strided(4) | window(1))", "block(8)")


@dataclass(frozen=True)
class Known:
    """What brute force finds of a graph."""

    centres: tuple[int, ...]
    radius: int | None
    depth: int | None
    strong: bool


def graphs(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure the claim ``rank.graphs``.

    Parameters
    ----------
    config
        ``graphs_tokens``.
    streams
        Nothing is drawn: all graphs of four nodes are looked at.
    folder
        For the picture.
    """
    del streams
    found = [(connectivity(allowed), by_brute_force(allowed)) for allowed in looped_digraphs(NODES)]
    folder.record("graphs", digraphs=len(found))
    named = {name: facts(parse_mask(name), config.graphs_tokens) for name in NAMED}
    wrong = [name for name in NAMED if named[name].connectivity.radius != NAMED[name](config.graphs_tokens)]
    caption = "Masks and the graphs they are: which tokens attend to which, and what follows."
    return Evidence(
        measurements=(
            _count("digraphs whose centres differ from brute force", found, lambda a, b: a.centres == b.centres),
            _count("digraphs whose connectivity differs", found, _equally_connected),
            _count("digraphs whose radius differs", found, lambda a, b: a.radius == b.radius),
            _count("digraphs where all tokens share one at another depth", found, lambda a, b: a.depth == b.depth),
            Measurement(
                name="named masks whose radius differs from its closed form",
                value=len(wrong),
                at_most=0,
                note=f"{len(NAMED)} masks of {config.graphs_tokens} tokens" + "".join(f"; {name}" for name in wrong),
            ),
        ),
        tables=(_table(named),),
        figures=(folder.figure("graphs", _drawn(named, config.graphs_tokens), caption),),
    )


def looped_digraphs(nodes: int) -> Iterator[Bool[np.ndarray, "node node"]]:
    """Yield every mask of so many tokens in which each attends to itself."""
    off_diagonal = ~np.eye(nodes, dtype=bool)
    for edges in product((False, True), repeat=nodes * (nodes - 1)):
        allowed = np.eye(nodes, dtype=bool)
        allowed[off_diagonal] = edges
        yield allowed


def by_brute_force(allowed: Bool[np.ndarray, "node node"]) -> Known:
    """Spread the news of each token layer by layer in plain Python, and see who gets it when."""
    nodes = range(len(allowed))
    reach: dict[int, int] = {}
    for start in nodes:
        heard, layers = {start}, 0
        while (spread := heard | {i for i in nodes for j in heard if allowed[i, j]}) != heard:
            heard, layers = spread, layers + 1
        if len(heard) == len(allowed):
            reach[start] = layers
    return Known(
        centres=tuple(reach),
        radius=min(reach.values(), default=None),
        depth=_first_shared(allowed),
        strong=len(reach) == len(allowed),
    )


def _first_shared(allowed: Bool[np.ndarray, "node node"]) -> int | None:
    """Multiply until a column is full; beyond the square of the size no power is new."""
    power = np.eye(len(allowed), dtype=int)
    for layers in range(len(allowed) ** 2 + 1):
        if power.all(axis=0).any():
            return layers
        power = np.minimum(allowed.astype(int) @ power, 1)
    return None


def _equally_connected(graph: Connectivity, known: Known) -> bool:
    return (graph.quasi_strong, graph.strong) == (bool(known.centres), known.strong)


def _count(
    name: str, found: list[tuple[Connectivity, Known]], agree: Callable[[Connectivity, Known], bool]
) -> Measurement:
    differing = sum(not agree(graph, known) for graph, known in found)
    return Measurement(
        name=name, value=differing, at_most=0, note=f"all {len(found)} digraphs of {NODES} nodes with self-loops"
    )


def _ceil(distance: int, step: int) -> int:
    return -(-distance // step)


def _table(named: dict[str, MaskFacts]) -> Table:
    return Table(
        title="Named masks as graphs",
        columns=(
            "mask",
            "allowed, %",
            "centres",
            "radius",
            "depth",
            "rate",
            "layers to relative mu 1e-3",
            "theorem, 1 - factor",
        ),
        rows=tuple(
            (
                name,
                round(100 * found.density, 1),
                len(found.connectivity.centres),
                found.connectivity.radius,
                found.connectivity.depth,
                None if found.rate is None else round(found.rate, 6),
                found.layers,
                None if found.uniform_bound is None else float(f"{1 - found.uniform_bound:.2g}"),
            )
            for name, found in named.items()
        ),
        note="A window counts neighbours besides the token itself. Rate and layers are those of uniform attention "
        "with the identity as value matrix, exactly, for white tokens; the theorem's factor per layer is a guarantee "
        "that any attention with weights this large keeps, not a prediction.",
    )


def _drawn(named: dict[str, MaskFacts], tokens: int) -> Canvas:
    canvas = Canvas(figsize=(6.6, 5.2), layout="constrained")
    for axes, name in zip(canvas.subplots(2, 3).flat, SHOWN, strict=True):
        draw_pattern(axes, parse_mask(name).array(tokens))
        graph = named[name].connectivity
        axes.set_title(name.replace(" | ", "\n| "), fontsize=9, color=GREY)
        under = f"radius {graph.radius}" if graph.radius else "no centre"
        axes.set_xlabel(f"{under}, rate {named[name].rate:.3g}", fontsize=9, color=GREY)
    return canvas
