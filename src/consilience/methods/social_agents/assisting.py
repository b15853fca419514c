"""Assisting: one person's memory, given to an assistant on the same machine until it ends."""

from __future__ import annotations

from consilience.ground.errors import InvalidInput, UnknownName
from consilience.methods.social_agents.flags import Assisting
from consilience.methods.social_agents.mcp_server import serve
from consilience.methods.social_agents.places import require_there
from consilience.methods.social_agents.store import Store

__all__ = ["assist"]


def assist(assisting: Assisting) -> None:
    """Serve the memory over standard input and output; nothing but the protocol is written there.

    Raises
    ------
    InvalidInput
        When there is no such database, or nobody of that handle in it.
    """
    database = assisting.database
    require_there(database)
    with Store.open(database) as store:
        try:
            memory = store.memory(assisting.as_)
        except UnknownName as error:
            raise InvalidInput(f"--as must be the handle of somebody in {database}; got {assisting.as_!r}") from error
        serve(memory)
