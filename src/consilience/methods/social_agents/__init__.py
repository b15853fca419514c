"""Agents for people who each know only a part.

Can the agents of people who each know only a part work out what none of them can see alone, and tell nobody more?

Idea: an agent reads its own person's messages and nobody else's. Two agents keep a plan each, of slots that are
unknown, fuzzy, known, in conflict or declined, with evidence, and ask each other for what is missing; what both hold
is compared by code. Where neither knows, somebody else is asked, for the one slot alone. Every text crosses a gate
that lets out what its person's policy allows, and a log that its person can read.

Source: "Autonomous Agents for Collaborative Task under Information Asymmetry", arXiv:2406.14928.

The names load when they are first used. The application is in `app`, the readers of exports in `importers`.

Examples
--------
>>> from consilience.methods.social_agents import Policy
>>> policy = Policy.open("ann")
>>> policy.owner
'ann'
"""

from typing import TYPE_CHECKING

from consilience.ground.late import late_names

if TYPE_CHECKING:
    from consilience.methods.social_agents.audit import AuditLog
    from consilience.methods.social_agents.consent import ConsentQueue
    from consilience.methods.social_agents.control import Control
    from consilience.methods.social_agents.guarded_wire import GuardedWire
    from consilience.methods.social_agents.importing import import_file
    from consilience.methods.social_agents.memory import Memory
    from consilience.methods.social_agents.network import Network
    from consilience.methods.social_agents.party import Party
    from consilience.methods.social_agents.policy import Policy
    from consilience.methods.social_agents.pursuit import PursuitLimits
    from consilience.methods.social_agents.records import NewMessage, Query
    from consilience.methods.social_agents.store import Store
    from consilience.methods.social_agents.talking import talk
    from consilience.methods.social_agents.task import Assignment

_HOMES = {
    "Assignment": "task",
    "AuditLog": "audit",
    "ConsentQueue": "consent",
    "Control": "control",
    "GuardedWire": "guarded_wire",
    "Memory": "memory",
    "Network": "network",
    "NewMessage": "records",
    "Party": "party",
    "Policy": "policy",
    "PursuitLimits": "pursuit",
    "Query": "records",
    "Store": "store",
    "import_file": "importing",
    "talk": "talking",
}

__all__ = [
    "Assignment",
    "AuditLog",
    "ConsentQueue",
    "Control",
    "GuardedWire",
    "Memory",
    "Network",
    "NewMessage",
    "Party",
    "Policy",
    "PursuitLimits",
    "Query",
    "Store",
    "import_file",
    "talk",
]

__getattr__, __dir__ = late_names(__name__, _HOMES, extra="social")
