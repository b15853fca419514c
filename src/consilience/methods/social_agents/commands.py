"""The room's own verbs: serve the application, import chats, ask at the command line, check the log, and forget.

``consilience social-agents serve | import | ask | mcp | a2a | audit | forget``
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from consilience.dialogue.command.flags import with_flags
from consilience.ground.errors import InvalidInput
from consilience.ground.late import late_module
from consilience.methods.social_agents.flags import (
    Asking,
    Assisting,
    Checking,
    Forgetting,
    Importing,
    Representing,
    Serving,
)

_STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@with_flags(Serving, positional="")
def serve(serving: Serving) -> int:
    """Serve the application: chats, and tasks that people's agents solve together.

    The first time it prints a link for whoever joins first, who invites the others.
    """
    _late("app.serving").serve(serving, _tell)
    return 0


@with_flags(Importing, positional="file")
def import_(importing: Importing) -> int:
    """Bring an export of chats or mail into the memory of one person; twice adds nothing.

    Others whom it names get no memory by it, and nobody signs in as them.
    """
    for line in _late("bringing").bring(importing):
        _tell(line)
    return 0


@with_flags(Asking, positional="task")
def ask(asking: Asking) -> int:
    """Have the agents of two people find something out, and print what they say; without --world in a demo.

    Nobody is asked for consent: every agent tells all but secrets. It is for worlds and databases of one's own.
    """
    status: int = _late("asking").ask(asking, _tell)
    return status


@with_flags(Assisting, positional="")
def mcp(assisting: Assisting) -> int:
    """Let an assistant on this machine search and read one person's own memory, over standard input and output (MCP).

    Whoever starts it decides whose it is: the assistant can name nobody else, and change nothing.
    """
    _late("assisting", "interop").assist(assisting)
    return 0


@with_flags(Representing, positional="")
def a2a(representing: Representing) -> int:
    """Serve one person's agent to the agents of their contacts (A2A), with keys that those make in the application.

    What it may tell is decided by the person's rules, and by their word, which they give in the application.
    """
    _late("app.representing", "interop").represent(representing, _tell)
    return 0


@with_flags(Checking, positional="what")
def audit(checking: Checking) -> int:
    """Say whether the log of what was revealed is as it was written, or show it."""
    status: int = _late("checking").check(checking, _tell)
    return status


@with_flags(Forgetting, positional="database")
def forget(forgetting: Forgetting) -> int:
    """Forget a person's memory, a conversation or messages, to the byte; without --yes only say what.

    Stop the server first: what it holds of them goes on until it is stopped.
    """
    given = [forgetting.person is not None, forgetting.conversation is not None, bool(forgetting.message)]
    if sum(given) != 1:
        raise InvalidInput("one of --person, --conversation and --message must be given")
    for line in _late("bringing").take_away(forgetting):
        _tell(line)
    return 0


VERBS: Mapping[str, Callable[..., int]] = {
    "serve": serve,
    "import": import_,
    "ask": ask,
    "mcp": mcp,
    "a2a": a2a,
    "audit": audit,
    "forget": forget,
}
"""What ``consilience social-agents`` can do."""


def _tell(line: str) -> None:
    """Print a line; what others are called, or wrote, does not steer the terminal."""
    print(_STEERING.sub("\N{REPLACEMENT CHARACTER}", line), flush=True)


def _late(module: str, extra: str = "social") -> Any:
    return late_module(
        f"consilience.methods.social_agents.{module}",
        f"agents of people are run with {{missing}}; install consilience[{extra}]",
        usually="fastapi",
    )
