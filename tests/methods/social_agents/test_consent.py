"""Consent: only a person's own session decides, silence is no, and what was agreed to ends."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.audit import AuditLog
from consilience.methods.social_agents.consent import ConsentQueue, NotYours
from consilience.methods.social_agents.database import Database

HEALTH = frozenset({"health"})
SESSIONS = {"session of ann": "ann", "session of bea": "bea"}


class Clock:
    def __init__(self):
        self.now = datetime(2024, 5, 2, 10, 15, tzinfo=UTC)

    def __call__(self):
        return self.now

    def pass_(self, **by):
        self.now += timedelta(**by)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture(params=["sqlite", "postgres"])
def store(request, tmp_path):
    place = request.getfixturevalue("postgres_url") if request.param == "postgres" else tmp_path / "memory.db"
    database = Database(place)
    yield database
    database.close()


@pytest.fixture
def queue(store, clock):
    return ConsentQueue(store, person_of=SESSIONS.get, audit=AuditLog(store, clock=clock), clock=clock)


def ask(queue, messages=(12,), labels=("health",), **given):
    return queue.ask("ann", "bea", "friends", labels=labels, messages=messages, **given)


def told(queue, message=12, labels=HEALTH, counterpart="bea", purpose="friends"):
    return queue.granted("ann", counterpart, purpose)(labels, message)


def test_nobody_has_agreed_who_was_not_asked_or_has_not_answered(queue):
    assert not told(queue)
    request = ask(queue)
    assert (request.answer, request.labels, request.messages) == ("waiting", HEALTH, (12,))
    assert queue.waiting("ann") == [request]
    assert queue.waiting("bea") == []
    assert not told(queue)


@pytest.mark.parametrize("session", ["session of bea", "", "ann", "1"])
def test_nobody_else_decides(queue, session):
    request = ask(queue)
    with pytest.raises(NotYours):
        queue.decide(session, request.id, allow=True)
    assert queue.request(request.id).answer == "waiting"
    assert not told(queue)


def test_what_is_agreed_to_is_these_messages_for_this_purpose_and_this_person(queue):
    assert queue.decide("session of ann", ask(queue).id, allow=True).answer == "allowed"
    assert told(queue)
    assert not told(queue, message=13)
    assert not told(queue, counterpart="cem")
    assert not told(queue, purpose="fun")


def test_or_everything_of_the_kind(queue):
    queue.decide("session of ann", ask(queue).id, allow=True, scope="kind")
    assert told(queue, message=13)
    assert not told(queue, message=13, labels=frozenset({"health", "money"}))
    assert not told(queue, message=13, labels=frozenset({"secret"}))


def test_it_ends_by_itself(queue, clock):
    queue.decide("session of ann", ask(queue).id, allow=True, lasting=timedelta(minutes=5))
    clock.pass_(minutes=4, seconds=59)
    assert told(queue)
    clock.pass_(seconds=1)
    assert not told(queue)
    assert queue.grants("ann") == []


def test_it_can_be_withdrawn_by_who_gave_it(queue):
    queue.decide("session of ann", ask(queue).id, allow=True, scope="kind")
    (grant,) = queue.grants("ann", "bea")
    for session in ("session of bea", "nobody's"):
        with pytest.raises(NotYours):
            queue.withdraw(session, grant.id)
    with pytest.raises(NotYours):
        queue.withdraw("session of ann", grant.id + 1)
    assert told(queue)
    queue.withdraw("session of ann", grant.id)
    assert not told(queue)


def test_silence_is_no(queue, clock):
    request = ask(queue)
    clock.pass_(minutes=10)
    assert queue.request(request.id).answer == "expired"
    assert queue.waiting("ann") == []
    with pytest.raises(InvalidInput, match="it is expired"):
        queue.decide("session of ann", request.id, allow=True)
    assert not told(queue)


def test_a_decision_is_made_once(queue):
    request = ask(queue)
    queue.decide("session of ann", request.id, allow=False)
    with pytest.raises(InvalidInput, match="it is denied"):
        queue.decide("session of ann", request.id, allow=True)
    assert not told(queue)


def test_the_same_question_is_not_put_again_while_it_waits_or_was_just_denied(queue, clock):
    request = ask(queue, (12, 13))
    assert ask(queue, (12,)).id == request.id
    assert ask(queue, (14,)).id != request.id
    queue.decide("session of ann", request.id, allow=False)
    assert ask(queue, (13,)).answer == "denied"
    clock.pass_(minutes=20)
    again = ask(queue, (13,))
    assert (again.answer, again.id != request.id) == ("waiting", True)


def test_waiting_returns_what_the_person_says(queue):
    async def decided(allow):
        request = ask(queue, (100 + allow,))
        waiting = asyncio.ensure_future(queue.wait(request.id, every_s=0.01))
        await asyncio.sleep(0.03)
        assert not waiting.done()
        queue.decide("session of ann", request.id, allow=allow)
        return await waiting

    async def silent():
        return await queue.wait(ask(queue, (200,)).id, every_s=0.01, at_most_s=0.03)

    assert asyncio.run(decided(True)) is True
    assert asyncio.run(decided(False)) is False
    assert asyncio.run(silent()) is False


def test_every_step_is_in_the_log(queue, store):
    queue.decide("session of ann", ask(queue).id, allow=True)
    queue.decide("session of ann", ask(queue, (13,)).id, allow=False)
    (grant,) = queue.grants("ann")
    queue.withdraw("session of ann", grant.id)
    log = AuditLog(store)
    events = ["asked", "granted", "asked", "denied", "withdrawn"]
    assert [one.event for one in log.entries("ann")] == events
    assert log.entries("ann")[1].approver == "ann"
    assert log.verify().ok


def test_what_was_agreed_to_outlives_the_process(queue, store, clock):
    queue.decide("session of ann", ask(queue).id, allow=True)
    assert told(ConsentQueue(store, person_of=SESSIONS.get, clock=clock))


@pytest.mark.usefixtures("past_the_types")
def test_bad_input_is_refused(queue, store):
    with pytest.raises(InvalidInput, match="`patience`"):
        ConsentQueue(store, person_of=SESSIONS.get, patience=timedelta(0))
    with pytest.raises(InvalidInput, match="of that number"):
        queue.request(999)
    request = ask(queue)
    for wrong in ({"scope": "all"}, {"lasting": timedelta(0)}, {"lasting": timedelta(days=9999)}):
        with pytest.raises(InvalidInput, match="`scope` must be"):
            queue.decide("session of ann", request.id, allow=True, **wrong)
    assert queue.request(request.id).answer == "waiting"
