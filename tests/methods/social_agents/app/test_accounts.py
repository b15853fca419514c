"""Who may sign in: only whoever was invited, with their own password, in a session that ends."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

import pytest

from consilience.ground.errors import InvalidInput, UnknownName
from consilience.methods.social_agents.app.accounts import (
    IDLE,
    INVITED_FOR,
    LONGEST_SESSION,
    OVERLAP,
    RENEWED_AFTER,
    Accounts,
    Strength,
)
from consilience.methods.social_agents.store import Store

PASSWORD = "one long password"


class Clock:
    now = datetime(2024, 5, 2, 10, 15, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    server = getattr(request, "param", "file") == "postgres"
    place = request.getfixturevalue("postgres_url") if server else tmp_path / "people.sqlite"
    with Store.open(place) as store:
        yield store


@pytest.fixture
def accounts(store: Store, clock: Clock) -> Accounts:
    return Accounts(store, strength=Strength(1, 8, 1), clock=clock)


def join(accounts: Accounts, handle: str = "ann", **more):
    return accounts.join(accounts.invite(**more), handle=handle, name=handle.title(), password=PASSWORD)


def test_a_password_is_kept_as_argon2id_and_no_token_is_kept_at_all(accounts: Accounts, store: Store, tmp_path) -> None:
    invite = accounts.invite(admin=True)
    accounts.join(invite, handle="ann", name="Ann", password=PASSWORD)
    session = accounts.sign_in("ann", PASSWORD)
    store.close()
    content = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"$argon2id$" in content
    for secret in (PASSWORD, session.token, invite):
        assert secret.encode() not in content


def test_whoever_guesses_is_told_nothing(accounts: Accounts) -> None:
    join(accounts)
    for handle, password in (("ann", "wrong"), ("nobody", PASSWORD), ("ann", "x" * 2000), ("ann", ""), ("", "")):
        assert accounts.sign_in(handle, password) is None
    assert accounts.sign_in(" ANN ", PASSWORD) is not None


def test_who_has_capitals_in_a_handle_can_sign_in(accounts: Accounts, store: Store) -> None:
    store.add_person("Ann", "Ann")
    accounts.join(accounts.invite(handle="Ann"), handle="", name="", password=PASSWORD)
    for handle in ("Ann", "ann", " ANN "):
        session = accounts.sign_in(handle, PASSWORD)
        assert session is not None
        assert session.person.handle == "Ann"
    assert accounts.sign_in("An\0", PASSWORD) is None


def test_the_stored_hash_is_no_password(accounts: Accounts) -> None:
    join(accounts)
    assert accounts.sign_in("ann", accounts._found("ann")[1]) is None


def test_nobody_joins_under_the_name_of_a_group_and_the_invitation_stays_good(accounts: Accounts) -> None:
    token = accounts.invite()
    for handle in ("family", " New ", "everybody"):
        with pytest.raises(InvalidInput, match="choose another"):
            accounts.join(token, handle=handle, name="Eve", password=PASSWORD)
    assert accounts.join(token, handle="eve", name="Eve", password=PASSWORD).person.handle == "eve"


def test_who_was_there_under_such_a_name_may_still_join(accounts: Accounts, store: Store) -> None:
    with store.writing() as connection:
        connection.exec_driver_sql("INSERT INTO person (handle, name, card) VALUES ('family', 'Fay', '')")
    accounts.join(accounts.invite(handle="family"), handle="", name="", password=PASSWORD)
    assert accounts.sign_in("family", PASSWORD) is not None


def test_an_invitation_is_used_once_and_in_time(accounts: Accounts, clock: Clock) -> None:
    token = accounts.invite()
    assert accounts.invited(token) is not None
    accounts.join(token, handle="ann", name="Ann", password=PASSWORD)
    with pytest.raises(InvalidInput, match="once"):
        accounts.join(token, handle="ben", name="Ben", password=PASSWORD)
    late = accounts.invite()
    clock.now += INVITED_FOR
    assert accounts.invited(late) is None
    assert accounts.invited("made up") is None


def test_an_invitation_is_not_used_up_by_a_mistake(accounts: Accounts) -> None:
    join(accounts)
    token = accounts.invite()
    for handle, name, password in (
        ("ann", "Ann", PASSWORD),  # taken
        ("Ä n", "Ann", PASSWORD),
        ("~ann", "Ann", PASSWORD),
        ("", "Ann", PASSWORD),
        ("a" * 33, "Ann", PASSWORD),
        ("ben", "", PASSWORD),
        ("ben", "B" * 101, PASSWORD),
        ("ben", "Ben", "short"),
        ("ben", "Ben", "x" * 1001),
        ("benbenbenben", "Ben", "benbenbenben"),
    ):
        with pytest.raises(InvalidInput):
            accounts.join(token, handle=handle, name=name, password=password)
    assert accounts.join(token, handle="ben", name="Ben", password=PASSWORD).person.handle == "ben"


def test_somebody_with_messages_is_only_joined_by_an_invitation_for_them(accounts: Accounts, store: Store) -> None:
    store.add_person("cyd", "Cyd")
    with pytest.raises(InvalidInput, match="cyd"):
        join(accounts, "cyd")
    token = accounts.invite(handle="cyd")
    account = accounts.join(token, handle="whatever", name="", password=PASSWORD)
    assert account.person.handle == "cyd"
    with pytest.raises(InvalidInput, match="has one"):
        accounts.invite(handle="cyd")
    with pytest.raises(UnknownName):
        accounts.invite(handle="nobody")


def test_whoever_invites_asks_to_be_a_contact(accounts: Accounts, store: Store) -> None:
    ann = join(accounts, admin=True).person
    ben = join(accounts, "ben", by=ann).person
    assert [one.handle for one in store.requests_of(ben)] == ["ann"]


def test_a_session_gets_another_token_and_the_one_before_goes_on_for_a_moment(accounts: Accounts, clock: Clock) -> None:
    join(accounts)
    first = accounts.sign_in("ann", PASSWORD)
    assert not accounts.session(first.token, renew=True).renewed
    clock.now += RENEWED_AFTER
    assert accounts.session(first.token).token == first.token
    second = accounts.session(first.token, renew=True)
    assert second.renewed
    assert second.token != first.token
    assert second.csrf == first.csrf
    assert not accounts.session(first.token, renew=True).renewed
    assert accounts.sessions(first.person) == 1
    clock.now += OVERLAP
    assert accounts.session(first.token) is None
    assert accounts.person_of(second.token) == "ann"


def test_a_session_ends_when_it_is_not_used_and_in_any_case(accounts: Accounts, clock: Clock) -> None:
    join(accounts)
    session = accounts.sign_in("ann", PASSWORD)
    clock.now += IDLE
    assert accounts.session(session.token) is None
    session = accounts.sign_in("ann", PASSWORD)
    begun = clock.now
    while session is not None:
        clock.now += timedelta(days=7)
        session = accounts.session(session.token, renew=True)
    assert LONGEST_SESSION < clock.now - begun <= LONGEST_SESSION + timedelta(days=7)


def test_signing_out_ends_this_session_the_others_or_all(accounts: Accounts) -> None:
    join(accounts)
    one, two, three = (accounts.sign_in("ann", PASSWORD) for _ in range(3))
    accounts.sign_out(one)
    assert [accounts.person_of(each.token) for each in (one, two, three)] == [None, "ann", "ann"]
    accounts.sign_out(two, elsewhere=True)
    assert [accounts.person_of(each.token) for each in (two, three)] == ["ann", None]
    accounts.sign_out(two, everywhere=True)
    assert accounts.person_of(two.token) is None


def test_a_new_password_ends_all_other_sessions(accounts: Accounts) -> None:
    join(accounts)
    mine, other = accounts.sign_in("ann", PASSWORD), accounts.sign_in("ann", PASSWORD)
    assert not accounts.change_password(mine, "wrong", "another long one")
    assert accounts.change_password(mine, PASSWORD, "another long one")
    assert [accounts.person_of(each.token) for each in (mine, other)] == ["ann", None]
    assert accounts.sign_in("ann", PASSWORD) is None
    assert accounts.is_password(mine, "another long one")
    with pytest.raises(InvalidInput):
        accounts.change_password(mine, "another long one", "short")


def meanwhile(monkeypatch, accounts: Accounts, deed) -> None:
    """Have something done, once, while the next password is being compared."""
    passwords = accounts._passwords
    fit = passwords.fit

    def slow(hashed, password):
        monkeypatch.setattr(passwords, "fit", fit)
        found = fit(hashed, password)
        deed()
        return found

    monkeypatch.setattr(passwords, "fit", slow)


@pytest.mark.parametrize("passes", [1, 2])
@pytest.mark.parametrize("store", ["file", "postgres"], indirect=True)
def test_who_signs_in_while_the_password_is_changed_is_not_let_in_by_the_old_one(
    store: Store, accounts: Accounts, clock: Clock, monkeypatch, passes: int
) -> None:
    join(accounts)
    mine = accounts.sign_in("ann", PASSWORD)
    stronger = Accounts(store, strength=Strength(passes, 8, 1), clock=clock)
    changes = []
    meanwhile(
        monkeypatch, stronger, lambda: changes.append(accounts.change_password(mine, PASSWORD, "another long one"))
    )
    assert stronger.sign_in("ann", PASSWORD) is None
    assert changes == [True]
    assert stronger.sessions(mine.person) == 1
    assert stronger.sign_in("ann", PASSWORD) is None
    assert stronger.sign_in("ann", "another long one") is not None


def test_of_two_changes_of_a_password_at_once_one_counts(accounts: Accounts, monkeypatch) -> None:
    join(accounts)
    mine, other = accounts.sign_in("ann", PASSWORD), accounts.sign_in("ann", PASSWORD)
    meanwhile(monkeypatch, accounts, lambda: accounts.change_password(mine, PASSWORD, "another long one"))
    assert not accounts.change_password(other, PASSWORD, "a third long one")
    assert accounts.is_password(mine, "another long one")


@pytest.mark.parametrize("deed", ["suspend", "remove"])
def test_who_is_suspended_or_leaves_while_they_sign_in_has_no_session(accounts: Accounts, monkeypatch, deed) -> None:
    join(accounts, admin=True)
    ben = join(accounts, "ben").person
    meanwhile(monkeypatch, accounts, lambda: getattr(accounts, deed)(ben))
    assert accounts.sign_in("ben", PASSWORD) is None
    assert accounts.sessions(ben) == 0


def waits_for_a_lock(store: Store) -> bool:
    """Whether somebody waits for a lock now; of a file nobody can tell, so there was time enough for it."""
    with store.reading() as connection:
        if connection.dialect.name == "sqlite":
            time.sleep(0.2)
            return True
        waiting = (
            "SELECT COUNT(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        return connection.exec_driver_sql(waiting).scalar() > 0


ENDS = {
    "change_password": lambda accounts, mine, _: accounts.change_password(mine, PASSWORD, "another long one"),
    "sign_out": lambda accounts, _, other: accounts.sign_out(other),
    "sign_out elsewhere": lambda accounts, mine, _: accounts.sign_out(mine, elsewhere=True),
    "sign_out everywhere": lambda accounts, mine, _: accounts.sign_out(mine, everywhere=True),
    "suspend": lambda accounts, _, other: accounts.suspend(other.person),
    "remove": lambda accounts, _, other: accounts.remove(other.person),
}


@pytest.mark.parametrize("deed", ENDS)
@pytest.mark.parametrize("store", ["file", "postgres"], indirect=True)
def test_a_session_that_is_renewed_while_it_is_ended_is_ended(
    store: Store, accounts: Accounts, clock: Clock, monkeypatch, deed: str
) -> None:
    join(accounts, "zoe", admin=True)
    join(accounts)
    mine, other = accounts.sign_in("ann", PASSWORD), accounts.sign_in("ann", PASSWORD)
    clock.now += RENEWED_AFTER
    written, ended = Event(), Event()
    row = accounts._row

    def slowly(session, **more):
        written.set()  # the old token has its end, and the new one is not there yet
        assert ended.wait(10)
        return row(session, **more)

    monkeypatch.setattr(accounts, "_row", slowly)
    with ThreadPoolExecutor(2) as threads:
        renewing = threads.submit(accounts.session, other.token, renew=True)
        assert written.wait(10)
        ending = threads.submit(ENDS[deed], accounts, mine, other)
        try:
            while not waits_for_a_lock(store):
                assert not ending.done()
        finally:
            ended.set()
        renewed = renewing.result()
        ending.result()
    assert renewed.renewed
    assert accounts.session(other.token) is None
    assert accounts.session(renewed.token) is None
    left = {"change_password": 1, "sign_out": 1, "sign_out elsewhere": 1}
    assert accounts.sessions(other.person) == left.get(deed, 0)


def test_who_is_suspended_is_out_at_once_and_may_come_back(accounts: Accounts) -> None:
    join(accounts, admin=True)
    ben = join(accounts, "ben").person
    session = accounts.sign_in("ben", PASSWORD)
    accounts.suspend(ben)
    assert accounts.person_of(session.token) is None
    assert accounts.sign_in("ben", PASSWORD) is None
    assert not accounts.has_account(ben)
    accounts.suspend(ben, suspended=False)
    assert accounts.person_of(session.token) is None
    assert accounts.sign_in("ben", PASSWORD) is not None


def test_somebody_is_always_left_who_may_invite(accounts: Accounts) -> None:
    ann = join(accounts, admin=True).person
    with pytest.raises(InvalidInput, match="no other admin"):
        accounts.suspend(ann)
    join(accounts, "ben", admin=True)
    accounts.suspend(ann)
    assert [one.suspended for one in accounts.accounts()] == [True, False]


def test_a_hash_of_another_strength_is_made_anew(accounts: Accounts, store: Store) -> None:
    join(accounts)
    stronger = Accounts(store, strength=Strength(2, 16, 1))
    before = stronger._found("ann")[1]
    assert stronger.sign_in("ann", PASSWORD) is not None
    after = stronger._found("ann")[1]
    assert after != before
    assert "m=16,t=2,p=1" in after
    assert stronger.sign_in("ann", PASSWORD) is not None


def test_the_strength_is_what_is_recommended() -> None:
    assert (Strength().passes, Strength().memory_kib, Strength().lanes) == (3, 65_536, 4)
