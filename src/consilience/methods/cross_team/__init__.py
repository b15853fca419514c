"""Cross-team collaboration: teams that work apart on the same task, then meet and merge what they have.

When do teams that work apart and then merge beat the best of as many attempts at equal calls?

Idea: each team goes through a chain of phases by itself; at key phases all stop, the worse half of their works is left
out as executing them tells, and the rest is merged in small groups, level by level. A merge passes only if it is rated
at least as high as the best of what it was made from. No team waits for one that is dead, latency decides nothing, and
of every file and function of the result it is known whose it is.

Source: "Multi-Agent Collaboration via Cross-Team Orchestration", arXiv:2406.08979.

The names load when they are first used. Who rates works is in the module `rating`, whose work it is in `lineage`.

Examples
--------
>>> from consilience.methods.cross_team import software
>>> plan = software(8, group=4)
>>> len(plan.teams), [key.name for key in plan.chain.keys]
(8, ['drafts', 'completed'])
"""

from typing import TYPE_CHECKING

from consilience.ground.late import late_names

if TYPE_CHECKING:
    from consilience.dialogue.work.kinds.function import Function
    from consilience.dialogue.work.kinds.repository import Repository
    from consilience.dialogue.work.kinds.text import Text
    from consilience.methods.cross_team.collaboration import collaborate
    from consilience.methods.cross_team.formats import read, software, stories, write
    from consilience.methods.cross_team.result import Result
    from consilience.methods.cross_team.spec import Chain, Key, Loop, Phase, Plan, teams

_HOMES = {
    "Chain": "spec",
    "Function": "consilience.dialogue.work.kinds.function",
    "Key": "spec",
    "Loop": "spec",
    "Phase": "spec",
    "Plan": "spec",
    "Repository": "consilience.dialogue.work.kinds.repository",
    "Result": "result",
    "Text": "consilience.dialogue.work.kinds.text",
    "collaborate": "collaboration",
    "read": "formats",
    "software": "formats",
    "stories": "formats",
    "teams": "spec",
    "write": "formats",
}

__all__ = [
    "Chain",
    "Function",
    "Key",
    "Loop",
    "Phase",
    "Plan",
    "Repository",
    "Result",
    "Text",
    "collaborate",
    "read",
    "software",
    "stories",
    "teams",
    "write",
]

__getattr__, __dir__ = late_names(__name__, _HOMES, extra="agents")
