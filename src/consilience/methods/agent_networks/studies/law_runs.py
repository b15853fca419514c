"""Whether the simulation is what it stands for: runs from prompt to artifact beside it, and artifacts executed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from consilience.dialogue.rehearsal import Rehearsal
from consilience.dialogue.sandbox import Snippets
from consilience.dialogue.session import Session
from consilience.methods.agent_networks.graph import Network
from consilience.methods.agent_networks.simulation import ASPECTS, simulate, simulated_player
from consilience.methods.agent_networks.stand_ins import Solver
from consilience.methods.agent_networks.studies.law_sweep import SHAPES, SOLVERS
from consilience.methods.agent_networks.topology import topology
from consilience.methods.agent_networks.traversal import traverse
from consilience.methods.agent_networks.workshop import Workshop

__all__ = ["Checked", "checked_runs"]

SIZES = (1, 2, 5, 8, 16)


@dataclass(frozen=True)
class Checked:
    """A run of one network on one task."""

    network: str
    same: bool
    """Whether it ended with the aspects right, and the calls made, that the simulation says."""
    read: float
    """Share of the aspects that are right, by reading the artifact."""
    executed: float
    """The same, by running its functions in the sandbox."""
    calls: int


def checked_runs(tasks: range, seed: int) -> list[Checked]:
    """Run every shape under every solver, at sizes of up to 16 actors.

    Parameters
    ----------
    tasks
        Numbers of workshops; each network works on each.
    seed
        Of the run.
    """
    return asyncio.run(_checked_runs(tasks, seed))


async def _checked_runs(tasks: range, seed: int) -> list[Checked]:
    found = []
    with Snippets(workers=1) as snippets:
        for name, solver in SOLVERS.items():
            for shape in SHAPES:
                for size in SIZES:
                    network = topology(shape, size, seed=seed)
                    found += await _beside(
                        f"{name}, {shape} of {size}", network, solver, tasks, seed=seed, snippets=snippets
                    )
    return found


async def _beside(
    name: str, network: Network, solver: Solver, tasks: range, *, seed: int, snippets: Snippets
) -> list[Checked]:
    simulated = simulate(network, solver, tasks, seed=seed)
    found = []
    for at, number in enumerate(tasks):
        kind = Workshop(number=number, features=ASPECTS)
        async with Session(Rehearsal(simulated_player(solver, seed), name="simulated")) as session:
            result = await traverse(network, kind.task, session, kind=kind, seed=seed)
        if result.artifact is None:
            raise RuntimeError("a run without approvals ended without an artifact")
        right = sum(1 << aspect for aspect, is_right in enumerate(kind.right(result.artifact)) if is_right)
        calls = result.spent.calls
        found.append(
            Checked(
                network=name,
                same=(right, calls) == (int(simulated.right[at]), int(simulated.calls[at])),
                read=right.bit_count() / ASPECTS,
                executed=(await kind.score(result.artifact, snippets)).value,
                calls=calls,
            )
        )
    return found
