"""The door: who is asking, whether they may, and whether it is they who ask. No function is called before that.

A form holds a secret of its session, so that no other site can send it in a browser's name; a browser says besides from
where a form comes, and what comes from elsewhere is refused. Of an invitation and of signing in, where there is no
session yet, the secret is one that the browser holds in a cookie.
"""

from __future__ import annotations

import hmac
import math
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from urllib.parse import urlsplit

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from consilience.ground.errors import ConsilienceError, UnknownName
from consilience.methods.social_agents.app.access import Endpoint, Role, admits, refusal
from consilience.methods.social_agents.app.accounts import Session
from consilience.methods.social_agents.app.office import Office
from consilience.methods.social_agents.app.rates import Rate
from consilience.methods.social_agents.app.tasks import Task
from consilience.methods.social_agents.records import Person

__all__ = ["CHANGES", "Door", "Handler", "Refused", "Sent", "Visit", "address", "form_of"]

CHANGES = Rate(120, 60)
"""How often one session may change something."""
LOOKS = Rate(1_200, 60)
"""How often one session may look at something."""
STRANGERS = Rate(60, 60)
"""How often one address may send something without a session."""
_MOST_FIELDS = 50
_LARGEST_NUMBER = 2**53


class Refused(ConsilienceError):
    """A request that is not answered."""

    def __init__(self, status: int, told: str, *, wait_s: float = 0.0) -> None:
        super().__init__(told)
        self.status = status
        self.wait_s = math.ceil(wait_s)


@dataclass(frozen=True, kw_only=True)
class Visit:
    """A request that has been let in."""

    request: Request
    office: Office
    endpoint: Endpoint
    session: Session | None
    secret: str
    """What the forms of the page have to hold."""
    key: str = ""
    """The variable part of the path."""
    form: Mapping[str, str] = field(default_factory=dict)
    """What was sent."""
    file: UploadFile | None = None
    """The file that was sent, where one may be."""
    told: int = 0
    """How often who asks had been told of something new before any of it was looked up."""

    @property
    def me(self) -> Person:
        """Who asks; only where nobody is let in who has not signed in."""
        return self.signed_in.person

    @property
    def signed_in(self) -> Session:
        """Whose session it is, likewise."""
        if self.session is None:
            raise Refused(401, "sign in first")
        return self.session

    @property
    def person(self) -> Person:
        """The person whom the path names."""
        return self.office.store.person(self.key)

    @property
    def task(self) -> Task:
        """The task that the path names."""
        task = self.office.tasks.find(_number(self.key))
        if task is None:
            raise Refused(404, "there is nothing here")
        return task

    @property
    def number(self) -> int:
        """The number that the path names."""
        return _number(self.key)

    def said(self, name: str) -> str:
        """Return a field of the form; empty where it was not sent."""
        return self.form.get(name, "")


Sent = tuple[dict[str, str], UploadFile | None]
"""The fields of a form, and its file."""
Handler = Callable[[Visit], Response]
"""Answers a visit; called in a thread."""


class Door:
    """Lets requests in.

    Parameters
    ----------
    office
        The parts of the application.
    """

    def __init__(self, office: Office) -> None:
        self._office = office
        self._secret = secrets.token_bytes(32)
        front = "__Host-" if office.manner.secure else ""
        self.cookie, self._visitor = f"{front}session", f"{front}visitor"

    def admit(
        self, request: Request, endpoint: Endpoint, form: Mapping[str, str], file: UploadFile | None = None
    ) -> Visit:
        """Return the visit of a request that may be answered.

        Raises
        ------
        Refused
            When it may not.
        """
        session = self._session(request, renew=endpoint.method == "GET" and endpoint.name != "events")
        self._slow_down(request, endpoint, session)
        key = str(request.path_params.get(endpoint.key, ""))
        relation = self.relation(session, endpoint, key)
        if not admits(endpoint, relation, admin=session is not None and session.account.admin):
            status = refusal(endpoint, relation)
            raise Refused(status, "sign in first" if relation == "anonymous" else "there is nothing here")
        secret = session.csrf if session is not None else self._visitor_secret(request)
        if endpoint.method == "POST":
            self._require_own_form(request, form, secret)
        return Visit(
            request=request,
            office=self._office,
            endpoint=endpoint,
            session=session,
            secret=secret,
            key=key,
            form=form,
            file=file,
            told=0 if session is None else self._office.live.told(session.person.handle),
        )

    def knows(self, request: Request) -> bool:
        """Whether a request is somebody's, before what they sent is read."""
        return self._session(request, renew=False) is not None

    def admit_agent(self, request: Request, endpoint: Endpoint) -> Person:
        """Return for whom an agent asks that may, by the key it holds; no cookie lets it in.

        Raises
        ------
        Refused
            When it may not.
        """
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        caller = self._office.keys.person_of(token.strip()) if kind.casefold() == "bearer" else None
        if caller is not None and not self._office.accounts.has_account(caller):
            caller = None
        where = address(request) if caller is None else caller.handle
        wait_s = self._office.rates.wait_s("agent", where, STRANGERS if caller is None else CHANGES)
        if wait_s:
            raise Refused(429, "that was too often; wait a while", wait_s=wait_s)
        relation = self._of(caller, endpoint, str(request.path_params.get(endpoint.key, "")))
        if not admits(endpoint, relation, admin=False):
            told = "a key is needed" if relation == "anonymous" else "there is nothing here"
            raise Refused(refusal(endpoint, relation), told)
        if caller is None:
            raise Refused(401, "a key is needed")
        return caller

    def relation(self, session: Session | None, endpoint: Endpoint, key: str) -> Role:
        """Return how whoever asks stands to what a path names; what is not there is a stranger's."""
        return self._of(None if session is None else session.person, endpoint, key)

    def _of(self, me: Person | None, endpoint: Endpoint, key: str) -> Role:
        if me is None:
            return "anonymous"
        if endpoint.subject == "none":
            return "self"
        if endpoint.subject in ("person", "asker"):
            return self._to_person(me, key, asker=endpoint.subject == "asker")
        number = int(key) if key.isdecimal() and key.isascii() and len(key) < 16 else -1  # noqa: PLR2004
        if endpoint.subject == "group":
            return self._to_group(me, number)
        if endpoint.subject in ("task", "invitation", "answer"):
            return "self" if self._in_task(me, endpoint, number) else "stranger"
        return "self" if number in self._own_numbers(me, endpoint) else "stranger"

    def _in_task(self, me: Person, endpoint: Endpoint, number: int) -> bool:
        task = self._office.tasks.find(number)
        if task is None:
            return False
        mine = {"task": (task.asker, task.partner), "invitation": (task.partner,), "answer": (task.asker,)}
        return me.id in mine[endpoint.subject]

    def begin(self, response: Response, session: Session) -> None:
        """Give a browser the token of its session."""
        self._put(response, self.cookie, session.token)

    def end(self, response: Response) -> None:
        """Take the token of a session from a browser."""
        response.delete_cookie(self.cookie, path="/", secure=self._office.manner.secure, httponly=True, samesite="lax")

    def visitor(self, visit: Visit, response: Response) -> None:
        """Give a browser without a session what its next form is known by, or a new token where it is time."""
        if visit.session is None and visit.request.state.visitor:
            self._put(response, self._visitor, visit.request.state.visitor)
        elif visit.session is not None and visit.session.renewed:
            self.begin(response, visit.session)

    def _put(self, response: Response, name: str, value: str) -> None:
        response.set_cookie(
            name, value, path="/", secure=self._office.manner.secure, httponly=True, samesite="lax", max_age=60 * 86_400
        )

    def _session(self, request: Request, *, renew: bool) -> Session | None:
        token = request.cookies.get(self.cookie, "")
        return self._office.accounts.session(token, renew=renew) if token else None

    def _visitor_secret(self, request: Request) -> str:
        """Return the secret of a form for a browser without a session, which is given a cookie for it."""
        held = request.cookies.get(self._visitor, "")
        if not held:
            held = request.state.visitor = secrets.token_urlsafe(24)
        return hmac.new(self._secret, held.encode("utf-8", "surrogatepass"), sha256).hexdigest()

    def _slow_down(self, request: Request, endpoint: Endpoint, session: Session | None) -> None:
        rates = self._office.rates
        wait_s = 0.0
        if session is not None:
            wait_s = rates.wait_s(endpoint.method, session.csrf, CHANGES if endpoint.method == "POST" else LOOKS)
        elif endpoint.method == "POST":
            wait_s = rates.wait_s("stranger", address(request), STRANGERS)
        if wait_s:
            raise Refused(429, "that was too often; wait a while", wait_s=wait_s)

    def _require_own_form(self, request: Request, form: Mapping[str, str], secret: str) -> None:
        origin = request.headers.get("origin")
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            raise Refused(403, "a form must be sent from a page of this server")
        if origin is not None and urlsplit(origin).netloc.casefold() != request.headers.get("host", "").casefold():
            raise Refused(403, "a form must be sent from a page of this server")
        sent = form.get("csrf", "")
        if not secret or not hmac.compare_digest(sent.encode("utf-8", "replace"), secret.encode()):
            raise Refused(403, "the form is too old; go back, load the page again, and send it again")

    def _to_person(self, me: Person, handle: str, *, asker: bool) -> Role:
        try:
            other = self._office.store.person(handle)
        except UnknownName:
            return "stranger"
        if asker:
            return "self" if other.id in {one.id for one in self._office.store.requests_of(me)} else "stranger"
        if other.id == me.id:
            return "self"
        if self._office.store.are_contacts(me, other):
            return "contact"
        return "revoked" if self._office.chats.find(me, other) is not None else "stranger"

    def _own_numbers(self, me: Person, endpoint: Endpoint) -> set[int]:
        office = self._office
        if endpoint.subject == "grant":
            return {one.id for one in office.consent.grants(me.handle)}
        if endpoint.subject == "key":
            return {one.id for one in office.keys.of(me)}
        if endpoint.subject == "introduction":
            return {one.id for one in office.introductions.of(me) if one.asker == me.id}
        if endpoint.subject == "introduced":
            return {one.id for one in office.introductions.waiting(me)}
        return {one.id for one in office.consent.waiting(me.handle)}

    def _to_group(self, me: Person, number: int) -> Role:
        group = self._office.groups.find(number)
        if group is None or not self._office.groups.had(group, me):
            return "stranger"
        return "self" if self._office.groups.has(group, me) else "revoked"


def address(request: Request) -> str:
    """Return where a request comes from."""
    return request.client.host if request.client is not None else "nowhere"


async def form_of(request: Request, *, uploads: bool = False) -> Sent:
    """Return the fields of a form, none where nothing was sent that is one, and its file, to be closed by the caller.

    Raises
    ------
    Refused
        When it cannot be read.
    """
    try:
        form = await request.form(max_files=int(uploads), max_fields=_MOST_FIELDS)
        fields = {name: value for name, value in form.items() if not isinstance(value, UploadFile)}
        return fields, next((value for value in form.values() if isinstance(value, UploadFile)), None)
    except (HTTPException, ClientDisconnect, ValueError) as error:
        raise Refused(400, "the form cannot be read") from error


def _number(text: str) -> int:
    number = int(text) if text.isdecimal() and text.isascii() and len(text) < 16 else -1  # noqa: PLR2004
    if not 0 <= number < _LARGEST_NUMBER:
        raise Refused(404, "there is nothing here")
    return number
