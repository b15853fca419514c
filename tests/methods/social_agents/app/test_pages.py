"""Pages show each person their own, and work without any script."""

import json
import re

import pytest


@pytest.fixture
def pair(people):
    ann, ben = people.join("ann", admin=True), people.join("ben")
    people.befriend(ann, ben)
    return people.sign_in("ann"), people.sign_in("ben")


def test_the_server_says_that_it_is_well(people) -> None:
    assert people.browser().get("/health").text == "well"


def test_its_own_files_are_given_and_no_others(people) -> None:
    visitor = people.browser()
    for name, kind in (("app.css", "text/css"), ("app.js", "text/javascript"), ("icon.svg", "image/svg+xml")):
        reply = visitor.get(f"/static/{name}")
        assert reply.status_code == 200
        assert reply.headers["content-type"].startswith(kind)
    for name in ("..%2faccess.py", "%2e%2e/access.py", "app.py", "x.css", "", ".css"):
        assert visitor.get(f"/static/{name}").status_code == 404


def test_scripts_put_no_text_into_a_page_as_markup(people) -> None:
    script = people.browser().get("/static/app.js").text
    assert not re.search(r"(inner|outer)HTML\s*=[^=]|insertAdjacentHTML|document\.write|\beval\(|\bFunction\(", script)


def test_a_link_that_was_used_invites_nobody(people) -> None:
    visitor = people.browser()
    token = people.office.accounts.invite()
    assert "Welcome" in visitor.get(f"/join/{token}").text
    people.office.accounts.join(token, handle="ann", name="Ann", password="one long password")
    assert visitor.get(f"/join/{token}").status_code == 404
    assert "was used" in visitor.get(f"/join/{token}").text


def test_the_first_page_shows_chats_the_latest_first_and_what_waits(pair, people) -> None:
    office = people.office
    ann, ben = (office.store.person(handle) for handle in ("ann", "ben"))
    cyd = people.join("cyd")
    people.befriend(ann, cyd)
    office.store.request(people.join("dan"), ann)
    office.chats.send(ben, ann, "See you at noon.")
    office.tasks.add(ben, ann, "Where is the key?", standing="invited")
    office.consent.ask("ann", "ben", "task", labels=["health"], messages=[1])
    text = pair[0].get("/").text
    assert text.index("/chats/ben") < text.index("/chats/cyd")
    for part in ("See you at noon.", "Dan", "wants to be in contact", "Where is the key?", "Your agent asks you"):
        assert part in text
    assert text.count('class="badge"') >= 3


def test_a_chat_shows_both_sides_and_its_tasks_in_order(pair, people) -> None:
    office = people.office
    ann, ben = (office.store.person(handle) for handle in ("ann", "ben"))
    office.chats.send(ann, ben, "First.")
    office.tasks.add(ann, ben, "Second?", standing="invited")
    office.chats.send(ben, ann, "Third.")
    text = pair[0].get("/chats/ben").text
    assert text.index("First.") < text.index("Second?") < text.index("Third.")
    assert "Let my agent help" not in text
    assert "Let my agent help" in pair[1].get("/chats/ann").text


def test_what_one_has_read_can_be_searched_and_nothing_else(pair, people) -> None:
    office = people.office
    ann, ben = (office.store.person(handle) for handle in ("ann", "ben"))
    cyd = people.join("cyd")
    office.chats.send(ann, ben, "The parrot is called Polly.")
    office.chats.send(ben, cyd, "The parrot bites.")
    text = pair[0].get("/memory", params={"q": "parrots"}).text
    assert "Polly" in text
    assert "bites" not in text
    for odd in ('" OR 1', "%", "*", "a" * 500, "NEAR(", "\x00"):
        assert pair[0].get("/memory", params={"q": odd}).status_code == 200


def test_the_log_shows_one_s_own_part_and_can_be_checked_and_saved(pair, people) -> None:
    office = people.office
    ann, ben = (office.store.person(handle) for handle in ("ann", "ben"))
    number = office.chats.send(ann, ben, "My allergy is soy.")
    office.audit.add("disclosed", owner="ann", counterpart="ben", messages=[number], rule="r", approver="policy")
    office.audit.add("disclosed", owner="ben", counterpart="cyd", messages=[number])
    text = pair[0].get("/audit?check=1").text
    assert "My allergy is soy." in text
    assert "All 2 entries" in text
    saved = pair[0].get("/audit.json")
    assert [one["to"] for one in json.loads(saved.text)] == ["ben"]
    assert "attachment" in saved.headers["content-disposition"]
    with office.store.writing() as connection:
        connection.exec_driver_sql("UPDATE audit SET counterpart = 'dan' WHERE number = 1")
    assert "not as it was written" in pair[0].get("/audit?check=1").text


def test_who_invites_sees_who_there_is_and_not_what_they_say(pair, people) -> None:
    office = people.office
    ben, cyd = office.store.person("ben"), people.join("cyd")
    people.befriend(ben, cyd)
    office.chats.send(ben, cyd, "Between you and me.")
    office.store.add_person("dora", "Dora")
    office.store.add_person("~made", "Made Up")
    text = pair[0].get("/admin").text
    assert "Between you and me" not in text
    assert "Dora" in text
    assert "Made Up" not in text


def test_a_task_page_has_no_way_to_steer_what_is_over(pair, people) -> None:
    office = people.office
    ann, ben = (office.store.person(handle) for handle in ("ann", "ben"))
    task = office.tasks.add(ann, ben, "Where?", standing="ended")
    text = pair[0].get(f"/tasks/{task.id}").text
    assert "Pause" not in text
    assert "Answer as me" not in text
    assert "No answer" in text


def test_a_page_says_how_old_it_may_be_so_that_nothing_new_is_missed(pair, people, within) -> None:
    def at() -> str:
        return re.search(r'data-at="(\d+)"', pair[0].get("/chats/ben").text)[1]

    before = at()
    pair[1].post("/chats/ann", text="Something new.")
    within(lambda: at() != before)
