"""The room's own verbs: plan a run of teams, run it, look at it, compare merges with parents, and replay it.

``consilience cross-team run | plan | show | diff | replay``
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from consilience.dialogue.command.flags import with_flags
from consilience.dialogue.command.manner import Sitting, Which
from consilience.dialogue.command.means import Means
from consilience.dialogue.command.verbs import plan_verb, replay_verb
from consilience.ground.late import late_module
from consilience.methods.cross_team.flags import Comparing, Showing
from consilience.methods.cross_team.order import Order


def _late(module: str) -> Any:
    return late_module(
        f"consilience.methods.cross_team.{module}",
        "teams are run with {missing}; install consilience[agents].",
        usually="aiohttp and pydantic-ai",
    )


@with_flags(Order, Means, Sitting, positional="task")
def run(order: Order, means: Means, sitting: Sitting) -> int:
    """Have teams work apart on a task, meet and merge; without --model a stand-in rehearses it, and that is said.

    The same command again goes on where it stopped: what was answered is not asked again.
    """
    status: int = _late("running").run(
        order, means, resume=sitting.resume, out=sitting.out, quiet=sitting.quiet, as_json=sitting.json
    )
    return status


@with_flags(Which, Showing, positional="run")
def show(which: Which, showing: Showing) -> int:
    """Show how a run stands: teams and phases, what they spent, how they met, whose work it is, and what was said.

    Nothing is written but the page, which is made anew.
    """
    status: int = _late("showing").run(
        which.run, element=showing.element, journal=showing.journal, as_json=showing.json
    )
    return status


@with_flags(Which, Comparing, positional="run")
def diff(which: Which, comparing: Comparing) -> int:
    """Say how merges differ from what they were made from, file by file.

    Nothing is written.
    """
    status: int = _late("differing").run(
        which.run,
        merge=comparing.merge,
        parent=comparing.parent,
        journal=comparing.journal,
        as_json=comparing.json,
    )
    return status


plan = plan_verb(Order, _late)
replay = replay_verb(_late)

VERBS: Mapping[str, Callable[..., int]] = {"run": run, "plan": plan, "show": show, "diff": diff, "replay": replay}
"""What ``consilience cross-team`` can do."""
