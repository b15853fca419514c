"""Pages of imports: an export is sent, looked at, and brought into one's own memory or let go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, cast
from zoneinfo import available_timezones

from starlette.responses import Response

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.app.deeds import among
from consilience.methods.social_agents.app.door import Handler, Visit
from consilience.methods.social_agents.app.rendering import back, page
from consilience.methods.social_agents.app.uploads import MOST_BYTES, Upload
from consilience.methods.social_agents.importers.whatsapp import DateOrder
from consilience.methods.social_agents.importing import Plan

__all__ = ["IMPORTS"]

MOST_AUTHORS: Final = 40
"""Authors who can be told on the page who they are; of larger exports the rest are as they are called."""
_ORDERS: Final = ("auto", "day-first", "month-first", "year-first")
_LONGEST_TITLE = 100


def import_page(visit: Visit) -> Response:
    """Ask for a file; where one was sent, show what would come in, whom it names, and who they would be."""
    upload = visit.office.uploads.of(visit.me)
    if upload is None:
        return _asks(visit)
    asked = visit.request.query_params
    me, merge = asked.get("me", "")[:400], _merge({key: value for key, value in asked.items()}, upload)  # noqa: C416
    try:
        plan, wrong = visit.office.uploads.plan(visit.me, upload, me=me, merge=merge), ""
    except InvalidInput as error:
        plan, wrong = visit.office.uploads.plan(visit.me, upload), str(error)
    return _shows(visit, upload, plan, me=me, merge=merge, wrong=wrong)


def upload(visit: Visit) -> Response:
    """Read a file that was sent, and let it wait."""
    if visit.file is None:
        raise InvalidInput("choose a file first; none came")
    zone = visit.said("zone").strip() or "UTC"
    if zone not in available_timezones():
        raise InvalidInput(f"a time zone reads like Europe/Berlin or UTC; got {zone[:40]!r}")
    title = visit.said("title").strip()
    if len(title) > _LONGEST_TITLE:
        raise InvalidInput(f"`title` has at most {_LONGEST_TITLE} characters; got {len(title)}")
    dates = among("dates", visit.said("dates") or "auto", _ORDERS)
    name = visit.file.filename or ""
    visit.office.uploads.put(visit.me, visit.file.file, name, zone=zone, title=title, dates=cast("DateOrder", dates))
    return back("/memory/import")


def bring(visit: Visit) -> Response:
    """Bring it in as it was shown."""
    office, me = visit.office, visit.me
    waiting = office.uploads.of(me)
    if waiting is None:
        raise InvalidInput("what you sent is not here any more; send it again")
    merge = _merge(visit.form, waiting)
    done = office.uploads.bring_in(me, office.uploads.plan(me, waiting, me=visit.said("me"), merge=merge))
    office.live.tell([me.handle], "home", "me")
    return _asks(visit, done=f"{done.new:,} messages added, {done.known:,} were there, {done.edited:,} changed, "
                             f"{done.taken_back:,} taken back.")  # fmt: skip


def discard(visit: Visit) -> Response:
    """Let it go."""
    visit.office.uploads.drop(visit.me)
    return back("/memory/import", "discarded")


def _asks(visit: Visit, done: str = "") -> Response:
    return page(visit, "import", upload=None, done=done, most=MOST_BYTES // 2**20, orders=_ORDERS)


def _shows(visit: Visit, upload: Upload, plan: Plan, *, me: str, merge: Mapping[str, str], wrong: str) -> Response:
    authors = [
        {"field": f"who-{number}", "author": author, "who": who, "given": merge.get(author.key, "")}
        for number, (author, who) in enumerate(zip(upload.export.people, plan.people, strict=True))
    ]
    reasons: dict[str, int] = {}
    for one in plan.skipped:
        reasons[one.reason] = reasons.get(one.reason, 0) + 1
    times = [one.sent_at for one in upload.export.messages]
    return page(
        visit,
        "import",
        upload=upload,
        plan=plan,
        authors=authors[:MOST_AUTHORS],
        more=len(authors) - MOST_AUTHORS,
        reasons=reasons,
        notes=list(plan.notes()),
        since=min(times, default=None),
        until=max(times, default=None),
        new=sum(len(one.new) for one in plan.threads),
        known=sum(one.known for one in plan.threads),
        given_me=me,
        wrong=wrong,
        done="",
    )


def _merge(form: Mapping[str, str], upload: Upload) -> dict[str, str]:
    """Return who the authors were said to be, by their keys in the export."""
    people = upload.export.people[:MOST_AUTHORS]
    given = {author.key: form.get(f"who-{number}", "").strip()[:200] for number, author in enumerate(people)}
    return {key: name for key, name in given.items() if name}


IMPORTS: Final[dict[str, Handler]] = {one.__name__: one for one in (import_page, upload, bring, discard)}
"""Who answers, by the name of the endpoint."""
