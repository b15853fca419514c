"""The office makes all parts over one store, and tells the pages of who is asked."""

import asyncio

from consilience.methods.social_agents.app.office import Manner


def test_cookies_are_for_tls_where_people_reach_it_by_tls() -> None:
    assert Manner(address="https://agents.example").secure
    assert not Manner(address="http://192.168.1.5:8765").secure
    assert not Manner().secure


def test_a_stand_in_is_said_to_be_one(office) -> None:
    assert office.model == "rehearsal:neighbour"
    assert "not a language model" in office.notice


def test_whoever_is_asked_is_told_at_once(office, people) -> None:
    ann = people.join("ann")
    told = []
    office.live.tell = lambda handles, *names: told.append((list(handles), names))
    request = office.consent.ask("ann", "ben", "task", labels=["health"], messages=[1])
    assert told == [(["ann"], ("me", "consent"))]
    assert office.consent.waiting(ann.handle) == [request]


def test_only_a_session_of_one_s_own_decides(office, people) -> None:
    people.join("ann")
    request = office.consent.ask("ann", "ben", "task", labels=["health"], messages=[1])
    token = office.accounts.sign_in("ann", "one long password").token
    assert office.consent.decide(token, request.id, allow=True).answer == "allowed"


def test_it_opens_and_closes_with_nothing_under_way(make_office) -> None:
    office = make_office()

    async def run() -> None:
        await office.open()
        await office.close()

    asyncio.run(run())
