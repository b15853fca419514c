"""Rendering: pages from templates, all text escaped, with what every page shows of the one who looks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse, RedirectResponse, Response

from consilience.methods.social_agents.app.door import Visit

__all__ = ["TOLD", "back", "page", "refusal_page"]

TOLD: Final[Mapping[str, str]] = MappingProxyType(
    {
        "asked": "If somebody here has that handle, they have been asked.",
        "accepted": "You are in contact now.",
        "declined": "Declined. They are not told.",
        "withdrawn": "You are no longer in contact. What you have read stays yours.",
        "saved": "Saved.",
        "over": "That had been decided already, or was over.",
        "shared": "The answer is in the chat.",
        "forgotten": "Your memory is empty now, to the last byte.",
        "left": "Your account and your memory are gone. Others keep what they have read.",
        "added": "They are in the group now, and read what is written from now on.",
        "out": "You have left. What you have read stays yours.",
        "asked-introduction": "They are asked. You see here what comes of it.",
        "declined-introduction": "Declined.",
        "taken-back": "Taken back.",
        "passed-on": "They are asked now.",
        "brought": "It is in your memory now, and in nobody else’s.",
        "discarded": "What you sent is gone.",
        "revoked": "That key opens nothing any more.",
        "ended": "Your other browsers are signed out.",
        "wrong-password": "That was not your password; nothing was changed.",
        "suspended": "They are signed out and cannot sign in.",
        "restored": "They can sign in again.",
        "allowed": "Your agent may tell it now.",
        "denied": "Your agent does not tell it.",
    }
)
"""What a page says after something was done, by the word in its address."""


def page(visit: Visit, name: str, *, status: int = 200, **facts: Any) -> Response:
    """Return a page."""
    return HTMLResponse(render(visit, name, **facts), status)


def render(visit: Visit, name: str, **facts: Any) -> str:
    """Return the text of a page."""
    office, session = visit.office, visit.session
    waiting = None
    if session is not None:
        me = session.person
        waiting = {
            "people": len(office.store.requests_of(me)) + len(office.introductions.waiting(me)),
            "tasks": sum(one.standing == "invited" and one.partner == me.id for one in office.tasks.of(me)),
            "consent": len(office.consent.waiting(me.handle)),
        }
    return (
        _templates()
        .get_template(f"{name}.html.j2")
        .render(
            session=session,
            me=None if session is None else session.person,
            csrf=visit.secret,
            notice=office.notice,
            demo=office.manner.demo,
            told=TOLD.get(visit.request.query_params.get("told", ""), ""),
            waiting=waiting,
            now=datetime.now(UTC),
            here=visit.endpoint.name,
            at=visit.told,
            shown=visit.endpoint.method == "GET",  # what answers a form cannot be looked at again
            **facts,
        )
    )


def back(path: str, told: str = "") -> Response:
    """Return what leads a browser to a page after something was done."""
    return RedirectResponse(f"{path}?told={told}" if told else path, 303)


def refusal_page(status: int, told: str, *, signed_in: bool) -> Response:
    """Return the page of a request that is not answered."""
    template = _templates().get_template("refused.html.j2")
    return HTMLResponse(template.render(status=status, reason=told, signed_in=signed_in), status)


@cache
def _templates() -> Environment:
    made = Environment(
        loader=PackageLoader("consilience.methods.social_agents.app"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["when"] = _when
    return made


def _when(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
