"""The room's own verbs: plan a network of agents, run it, look at a run, and replay it without asking anybody.

``consilience agent-networks run | plan | show | replay``
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from consilience.dialogue.command.flags import with_flags
from consilience.dialogue.command.manner import Sitting, Which
from consilience.dialogue.command.means import Means
from consilience.dialogue.command.verbs import plan_verb, replay_verb
from consilience.ground.late import late_module
from consilience.methods.agent_networks.flags import Deciding, Showing
from consilience.methods.agent_networks.order import Order


def _late(module: str) -> Any:
    return late_module(
        f"consilience.methods.agent_networks.{module}",
        "networks of agents are run with {missing}; install consilience[agents].",
        usually="aiohttp and pydantic-ai",
    )


@with_flags(Order, Means, Sitting, Deciding, positional="task")
def run(order: Order, means: Means, sitting: Sitting, deciding: Deciding) -> int:
    """Have a network of agents work on a task; without --model a stand-in rehearses it, and that is said.

    The same command again goes on where it stopped: what was answered is not asked again.
    """
    decisions = _late("desk").decided(deciding.accept, deciding.reject, deciding.edit)
    status: int = _late("running").run(
        order,
        means,
        resume=sitting.resume,
        out=sitting.out,
        decisions=decisions,
        quiet=sitting.quiet,
        as_json=sitting.json,
    )
    return status


@with_flags(Which, Showing, positional="run")
def show(which: Which, showing: Showing) -> int:
    """Show how a run stands: what it spent, element by element, its critical path, and what was said.

    Nothing is written but the page, which is made anew.
    """
    status: int = _late("showing").run(
        which.run, element=showing.element, journal=showing.journal, as_json=showing.json
    )
    return status


plan = plan_verb(Order, _late)
replay = replay_verb(_late)

VERBS: Mapping[str, Callable[..., int]] = {"run": run, "plan": plan, "show": show, "replay": replay}
"""What ``consilience agent-networks`` can do."""
