"""Pages of keys: for one's other agents and assistants, made and revoked by oneself."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from consilience.methods.social_agents.app.deeds import is_made_up, require_password
from consilience.methods.social_agents.app.door import Handler, Visit
from consilience.methods.social_agents.app.rendering import back, page

__all__ = ["KEYS"]


def keys(visit: Visit) -> Response:
    """Show one's keys, and what they open."""
    return _keys_page(visit, token="")


def make_key(visit: Visit) -> Response:
    """Make a key, and show once what opens; it lasts longer than the session, so that the password is asked for."""
    if not is_made_up(visit.office, visit.me.handle):
        require_password(visit)
    token = visit.office.keys.make(visit.me, visit.said("label"))
    visit.office.live.tell([visit.me.handle], "me")
    return _keys_page(visit, token=token)


def revoke_key(visit: Visit) -> Response:
    """Let a key open nothing any more."""
    visit.office.keys.revoke(visit.me, visit.number)
    visit.office.live.tell([visit.me.handle], "me")
    return back("/account/keys", "revoked")


def _keys_page(visit: Visit, *, token: str) -> Response:
    office = visit.office
    base = office.manner.address or str(visit.request.base_url).rstrip("/")
    contacts = office.store.contacts_of(visit.me)
    return page(
        visit,
        "keys",
        keys=office.keys.of(visit.me),
        token=token,
        base=base,
        contacts=contacts,
        made_up=is_made_up(office, visit.me.handle),
    )


KEYS: Final[dict[str, Handler]] = {one.__name__: one for one in (keys, make_key, revoke_key)}
"""Who answers, by the name of the endpoint."""
