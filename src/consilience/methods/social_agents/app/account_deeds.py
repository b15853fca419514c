"""Deeds about accounts: one's own card, password and sessions, leaving for good, and inviting others."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.app.deeds import LONGEST_CARD, require_password, short, slow_guesses
from consilience.methods.social_agents.app.door import Handler, Visit
from consilience.methods.social_agents.app.leaving import leave_all, require_another_admin
from consilience.methods.social_agents.app.pages import admin_page
from consilience.methods.social_agents.app.rendering import back

__all__ = ["ACCOUNT_DEEDS"]


def card(visit: Visit) -> Response:
    """Say what others may know of one."""
    visit.office.store.set_card(visit.me, short("card", visit.said("card"), LONGEST_CARD).strip())
    return back("/account", "saved")


def password(visit: Visit) -> Response:
    """Change the password, which signs all other browsers out, and revoke the keys where that is wanted, too."""
    office = visit.office
    if visit.said("password") != visit.said("again"):
        raise InvalidInput("the two new passwords must be one; type it again")
    slow_guesses(visit)
    changed = office.accounts.change_password(visit.signed_in, visit.said("old"), visit.said("password"))
    if changed and visit.said("keys") == "revoke":
        office.keys.revoke(visit.me)
    return back("/account", "saved" if changed else "wrong-password")


def leave(visit: Visit) -> Response:
    """Leave for good: end what is under way, empty one's memory to the byte, and take the account away."""
    office, me = visit.office, visit.me
    require_password(visit)
    require_another_admin(office, me)
    leave_all(office, me)
    office.accounts.remove(me)
    office.live.end(me.handle)
    visit.request.state.ended = True
    return back("/sign-in", "left")


def end_sessions(visit: Visit) -> Response:
    """Sign out everywhere else."""
    visit.office.accounts.sign_out(visit.signed_in, elsewhere=True)
    return back("/account", "ended")


# --- who invites others -------------------------------------------------------------------------------------------


def invite(visit: Visit) -> Response:
    """Make an invitation, and show its link once."""
    office = visit.office
    handle = visit.said("handle").strip()
    if handle and handle not in {one.handle for one in office.store.people()}:
        raise InvalidInput(f"there must be a person without an account of that handle; got {handle!r}")
    token = office.accounts.invite(by=visit.me, handle=handle, admin=visit.said("admin") == "yes")
    base = office.manner.address or str(visit.request.base_url).rstrip("/")
    return admin_page(visit, link=f"{base}/join/{token}")


def suspend(visit: Visit) -> Response:
    """Sign somebody out for good, and end what they take part in."""
    office, other = visit.office, visit.person
    office.accounts.suspend(other)
    office.desk.leave(other)
    office.live.end(other.handle)
    return back("/admin", "suspended")


def restore(visit: Visit) -> Response:
    """Let somebody sign in again."""
    visit.office.accounts.suspend(visit.person, suspended=False)
    return back("/admin", "restored")


ACCOUNT_DEEDS: Final[dict[str, Handler]] = {
    one.__name__: one for one in (card, password, end_sessions, leave, invite, suspend, restore)
}
"""Who answers, by the name of the endpoint."""
