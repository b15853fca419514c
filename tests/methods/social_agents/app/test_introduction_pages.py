"""Two who do not know each other meet if both who are asked agree, and learn nothing before."""

import pytest


@pytest.fixture
def three(people):
    """Ben knows Ann and Cem, who do not know each other."""
    ann, ben, cem = (people.join(handle) for handle in ("ann", "ben", "cem"))
    people.befriend(ann, ben)
    people.befriend(ben, cem)
    return {handle: people.sign_in(handle) for handle in ("ann", "ben", "cem")}


def ask(three, wanted="cem", note="about bees", who="ann"):
    return three[who].post("/introductions", via="ben", wanted=wanted, note=note)


def number(office, handle):
    return office.introductions.waiting(office.store.person(handle))[0].id


def friends(office, handle):
    return {one.handle for one in office.store.contacts_of(handle)}


def test_both_who_are_asked_agree_and_then_they_are_in_contact(three, office) -> None:
    assert ask(three).headers["location"] == "/introductions?told=asked-introduction"
    assert "pending" in three["ann"].get("/introductions").text
    assert "bees" not in three["cem"].get("/introductions").text
    assert "introduction" in three["ben"].get("/").text
    one = number(office, "ben")
    assert three["cem"].post(f"/introductions/{one}/accept").status_code == 404
    assert three["ann"].post(f"/introductions/{one}/accept").status_code == 404
    assert three["ben"].post(f"/introductions/{one}/accept").headers["location"] == "/introductions?told=passed-on"
    assert friends(office, "ann") == {"ben"}
    page = three["cem"].get("/introductions").text
    assert "introduces <bdi>Ann</bdi>" in page
    assert "bees" in page
    assert three["cem"].post(f"/introductions/{one}/accept").headers["location"] == "/people/ann?told=accepted"
    assert friends(office, "ann") == {"ben", "cem"}
    assert three["ann"].get("/chats/cem").status_code == 200
    assert "you are in contact" in three["ann"].get("/introductions").text


@pytest.mark.parametrize("who", ["ben", "cem"])
def test_either_may_say_no(three, office, who) -> None:
    ask(three)
    one = number(office, "ben")
    if who == "cem":
        three["ben"].post(f"/introductions/{one}/accept")
    assert three[who].post(f"/introductions/{one}/decline").status_code == 303
    assert "declined" in three["ann"].get("/introductions").text
    assert friends(office, "ann") == {"ben"}
    assert three["cem"].post(f"/introductions/{one}/accept").status_code == 404


def test_the_asker_takes_it_back(three, office) -> None:
    ask(three)
    one = number(office, "ben")
    assert three["ben"].post(f"/introductions/{one}/withdraw").status_code == 404
    assert three["ann"].post(f"/introductions/{one}/withdraw").headers["location"].endswith("taken-back")
    assert three["ben"].post(f"/introductions/{one}/accept").status_code == 404


def test_whoever_asks_does_not_learn_whether_there_is_somebody(three, office, people) -> None:
    people.join("dee")  # nobody's contact
    pages = []
    for wanted in ("dee", "zed"):
        ask(three, wanted, "")
        pages.append(three["ann"].get("/introductions").text.replace(wanted, "*"))
        one = number(office, "ben")
        assert three["ben"].post(f"/introductions/{one}/accept").status_code == 422
        three["ann"].post(f"/introductions/{one}/withdraw")
    assert pages[0].count("pending") == pages[1].count("pending") == 1


def test_a_contact_that_has_ended_introduces_nobody(three, office) -> None:
    ask(three)
    one = number(office, "ben")
    three["ben"].post(f"/introductions/{one}/accept")
    three["ben"].post("/people/ann/withdraw")
    assert three["cem"].post(f"/introductions/{one}/accept").status_code == 404
    assert friends(office, "cem") == {"ben"}


def test_who_is_no_contact_is_not_asked(three) -> None:
    assert three["ann"].post("/introductions", via="cem", wanted="ben").status_code == 422
    assert ask(three, wanted="ann").status_code == 422
