"""Access: who may do what, in one table. The application is built from it, and nothing else lets anybody in.

A visitor stands in one relation to what an endpoint is about, its subject:

=========== ===========================================================================================================
role        is
=========== ===========================================================================================================
anonymous   who has not signed in, or whose session has ended or was ended
self        whose thing it is: a task one takes part in, a question one is asked; of what has no subject, whoever looks
contact     somebody with whom whose thing it is is in contact, both having agreed
revoked     somebody who was that, and is no more
stranger    anybody else who has signed in
admin       who made the first invitations; sees who there is, and nothing of what anybody said
=========== ===========================================================================================================

Who may not learn whether something is there is told that it is not there. Admins are strangers to everything but the
endpoints that name them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

__all__ = ["ANYONE", "ENDPOINTS", "ROLES", "SIGNED_IN", "Endpoint", "Role", "Subject", "admits", "refusal"]

Role = Literal["anonymous", "self", "contact", "stranger", "revoked", "admin"]
"""How a visitor stands to the subject of an endpoint."""
Subject = Literal[
    "none",
    "person",
    "asker",
    "task",
    "invitation",
    "answer",
    "consent",
    "grant",
    "group",
    "introduction",
    "introduced",
    "key",
]
"""What the variable part of a path names.

``asker`` is who asked the visitor to be a contact, ``invitation`` a task that the visitor was asked to join, ``answer``
a task that the visitor asked for; ``introduction`` one that the visitor asked for, ``introduced`` one that waits for
their word. Of a ``group``, who is in it is itself, and who was in it was revoked.
"""

ROLES: Final[tuple[Role, ...]] = ("anonymous", "self", "contact", "stranger", "revoked", "admin")
ANYONE: Final = frozenset(ROLES)
SIGNED_IN: Final[frozenset[Role]] = ANYONE - {"anonymous"}
_OWN: Final[frozenset[Role]] = frozenset({"self"})
_CONTACT: Final[frozenset[Role]] = frozenset({"contact"})
_ADMIN: Final[frozenset[Role]] = frozenset({"admin"})


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A row of the table."""

    name: str
    """Of the function that answers."""
    method: Literal["GET", "POST"]
    """Whether it shows or changes; what shows changes nothing."""
    path: str
    """With the key of its subject in braces."""
    who: frozenset[Role]
    """Who may."""
    subject: Subject = "none"
    """What it is about."""
    by: Literal["session", "key"] = "session"
    """What says who asks: a browser's session, or a key that somebody made for an agent of theirs."""
    uploads: bool = False
    """Whether a file may be sent with it."""

    @property
    def key(self) -> str:
        """Name of the variable part of the path; empty where there is none."""
        return self.path.partition("{")[2].partition("}")[0]


ENDPOINTS: Final[tuple[Endpoint, ...]] = (
    Endpoint("health", "GET", "/health", ANYONE),
    Endpoint("static", "GET", "/static/{file}", ANYONE),
    Endpoint("sign_in_page", "GET", "/sign-in", ANYONE),
    Endpoint("sign_in", "POST", "/sign-in", ANYONE),
    Endpoint("join_page", "GET", "/join/{invite}", ANYONE),  # whoever holds the link was invited
    Endpoint("join", "POST", "/join/{invite}", ANYONE),
    Endpoint("sign_out", "POST", "/sign-out", SIGNED_IN),
    Endpoint("home", "GET", "/", SIGNED_IN),
    Endpoint("events", "GET", "/events", SIGNED_IN),
    Endpoint("people", "GET", "/people", SIGNED_IN),
    Endpoint("ask_contact", "POST", "/people", SIGNED_IN),
    Endpoint("person", "GET", "/people/{handle}", _CONTACT, "person"),
    Endpoint("settings", "POST", "/people/{handle}/settings", _CONTACT, "person"),
    Endpoint("withdraw", "POST", "/people/{handle}/withdraw", _CONTACT, "person"),
    Endpoint("accept", "POST", "/requests/{handle}/accept", _OWN, "asker"),
    Endpoint("decline", "POST", "/requests/{handle}/decline", _OWN, "asker"),
    Endpoint("chat", "GET", "/chats/{handle}", frozenset({"contact", "revoked"}), "person"),  # what one read, one keeps
    Endpoint("send", "POST", "/chats/{handle}", _CONTACT, "person"),
    Endpoint("tasks", "GET", "/tasks", SIGNED_IN),
    Endpoint("ask", "POST", "/tasks", SIGNED_IN),
    Endpoint("task", "GET", "/tasks/{task}", _OWN, "task"),
    Endpoint("accept_task", "POST", "/tasks/{task}/accept", _OWN, "invitation"),
    Endpoint("decline_task", "POST", "/tasks/{task}/decline", _OWN, "invitation"),
    Endpoint("pause", "POST", "/tasks/{task}/pause", _OWN, "task"),
    Endpoint("resume", "POST", "/tasks/{task}/resume", _OWN, "task"),
    Endpoint("kill", "POST", "/tasks/{task}/kill", _OWN, "task"),
    Endpoint("edit", "POST", "/tasks/{task}/edit", _OWN, "task"),
    Endpoint("say", "POST", "/tasks/{task}/say", _OWN, "task"),
    Endpoint("share", "POST", "/tasks/{task}/share", _OWN, "answer"),
    Endpoint("consent", "GET", "/consent", SIGNED_IN),
    Endpoint("decide", "POST", "/consent/{request}", _OWN, "consent"),
    Endpoint("withdraw_grant", "POST", "/grants/{grant}/withdraw", _OWN, "grant"),
    Endpoint("audit", "GET", "/audit", SIGNED_IN),
    Endpoint("audit_file", "GET", "/audit.json", SIGNED_IN),
    Endpoint("memory", "GET", "/memory", SIGNED_IN),
    Endpoint("forget", "POST", "/memory/forget", SIGNED_IN),
    Endpoint("groups", "GET", "/groups", SIGNED_IN),
    Endpoint("make_group", "POST", "/groups", SIGNED_IN),
    Endpoint("group", "GET", "/groups/{group}", frozenset({"self", "revoked"}), "group"),  # what one read, one keeps
    Endpoint("send_to_group", "POST", "/groups/{group}", _OWN, "group"),
    Endpoint("add_to_group", "POST", "/groups/{group}/add", _OWN, "group"),
    Endpoint("leave_group", "POST", "/groups/{group}/leave", _OWN, "group"),
    Endpoint("introductions", "GET", "/introductions", SIGNED_IN),
    Endpoint("ask_introduction", "POST", "/introductions", SIGNED_IN),
    Endpoint("accept_introduction", "POST", "/introductions/{introduction}/accept", _OWN, "introduced"),
    Endpoint("decline_introduction", "POST", "/introductions/{introduction}/decline", _OWN, "introduced"),
    Endpoint("withdraw_introduction", "POST", "/introductions/{introduction}/withdraw", _OWN, "introduction"),
    Endpoint("import_page", "GET", "/memory/import", SIGNED_IN),
    Endpoint("upload", "POST", "/memory/import", SIGNED_IN, uploads=True),
    Endpoint("bring", "POST", "/memory/import/bring", SIGNED_IN),
    Endpoint("discard", "POST", "/memory/import/discard", SIGNED_IN),
    Endpoint("rules", "GET", "/rules", SIGNED_IN),
    Endpoint("add_rule", "POST", "/rules", SIGNED_IN),
    Endpoint("drop_rule", "POST", "/rules/{number}/drop", SIGNED_IN),  # of one's own rules, by their place
    Endpoint("account", "GET", "/account", SIGNED_IN),
    Endpoint("card", "POST", "/account/card", SIGNED_IN),
    Endpoint("password", "POST", "/account/password", SIGNED_IN),
    Endpoint("end_sessions", "POST", "/account/sessions", SIGNED_IN),
    Endpoint("leave", "POST", "/account/leave", SIGNED_IN),
    Endpoint("keys", "GET", "/account/keys", SIGNED_IN),
    Endpoint("make_key", "POST", "/account/keys", SIGNED_IN),
    Endpoint("revoke_key", "POST", "/account/keys/{key}/revoke", _OWN, "key"),
    Endpoint("agent_card", "GET", "/agents/{handle}/.well-known/agent-card.json", _CONTACT, "person", by="key"),
    Endpoint("agent_rpc", "POST", "/agents/{handle}/a2a", _CONTACT, "person", by="key"),
    Endpoint("memory_rpc", "POST", "/mcp", SIGNED_IN, by="key"),
    Endpoint("admin", "GET", "/admin", _ADMIN),
    Endpoint("invite", "POST", "/admin/invites", _ADMIN),
    Endpoint("suspend", "POST", "/admin/people/{handle}/suspend", _ADMIN),
    Endpoint("restore", "POST", "/admin/people/{handle}/restore", _ADMIN),
)
"""Every endpoint that there is."""


def admits(endpoint: Endpoint, relation: Role, *, admin: bool) -> bool:
    """Whether a visitor may.

    Examples
    --------
    >>> chat = next(one for one in ENDPOINTS if one.name == "chat")
    >>> admits(chat, "contact", admin=False), admits(chat, "stranger", admin=True)
    (True, False)
    """
    return relation in endpoint.who or (admin and "admin" in endpoint.who)


def refusal(endpoint: Endpoint, relation: Role) -> int:
    """Return the status that who may not is given: whoever has signed in is not told that something is another's.

    Examples
    --------
    >>> chat = next(one for one in ENDPOINTS if one.name == "send")
    >>> refusal(chat, "stranger"), refusal(chat, "anonymous")
    (404, 401)
    """
    if relation == "anonymous":
        page = endpoint.method == "GET" and endpoint.name != "events" and endpoint.by == "session"
        return 303 if page else 401
    return 403 if endpoint.subject == "none" else 404


def by_name(endpoints: Iterable[Endpoint] = ENDPOINTS) -> dict[str, Endpoint]:
    """Return the rows by name."""
    return {one.name: one for one in endpoints}
