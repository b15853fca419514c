"""Agent networks: actors and critics on a directed acyclic graph, each edge refining what the last one left.

Does a network of agents solve what one answer does not, and what does it cost in calls, money and time?

Idea: an actor sits on each node and a critic on each edge; only artifacts travel, never talk, so that the longest
prompt does not grow with the network. An edge starts the moment its parent stands and nothing waits for a layer: a run
lasts as long as its critical path. What was answered is in a journal, so a run that was killed goes on where it was,
and gives what it would have given, whatever came first.

Source: "Scaling Large Language Model-based Multi-Agent Collaboration", arXiv:2406.07155.

The names load when they are first used. Shapes of networks are in the module `topology`, dry runs in `plan`.

Examples
--------
>>> from consilience.methods.agent_networks import Network
>>> Network.of([("draft", "test"), ("draft", "style"), ("test", "ship"), ("style", "ship")]).agents
8
"""

from typing import TYPE_CHECKING

from consilience.ground.late import late_names

if TYPE_CHECKING:
    from consilience.dialogue.work.artifact import Artifact
    from consilience.dialogue.work.kinds.choice import Choice
    from consilience.dialogue.work.kinds.function import Function
    from consilience.dialogue.work.kinds.repository import Repository
    from consilience.dialogue.work.kinds.text import Text
    from consilience.methods.agent_networks.approval import approvals_at
    from consilience.methods.agent_networks.blueprint import Blueprint
    from consilience.methods.agent_networks.failure import Failure
    from consilience.methods.agent_networks.formats import read, write
    from consilience.methods.agent_networks.graph import Network
    from consilience.methods.agent_networks.profiles import Profiles
    from consilience.methods.agent_networks.result import Result
    from consilience.methods.agent_networks.traversal import traverse

_HOMES = {
    "Artifact": "consilience.dialogue.work.artifact",
    "Blueprint": "blueprint",
    "Choice": "consilience.dialogue.work.kinds.choice",
    "Failure": "failure",
    "Function": "consilience.dialogue.work.kinds.function",
    "Network": "graph",
    "Profiles": "profiles",
    "Repository": "consilience.dialogue.work.kinds.repository",
    "Result": "result",
    "Text": "consilience.dialogue.work.kinds.text",
    "approvals_at": "approval",
    "read": "formats",
    "traverse": "traversal",
    "write": "formats",
}

__all__ = [
    "Artifact",
    "Blueprint",
    "Choice",
    "Failure",
    "Function",
    "Network",
    "Profiles",
    "Repository",
    "Result",
    "Text",
    "approvals_at",
    "read",
    "traverse",
    "write",
]

__getattr__, __dir__ = late_names(__name__, _HOMES, extra="agents")
