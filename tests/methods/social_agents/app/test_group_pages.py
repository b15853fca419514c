"""Groups on their pages: contacts are let in, members write, one is asked by name, and who leaves keeps what was."""

import re

import pytest


@pytest.fixture
def choir(people, office):
    """Ann's group with Ben; Cem is Ann's contact and Ben's not; Dee is nobody's."""
    ann, ben, cem = (people.join(handle) for handle in ("ann", "ben", "cem"))
    people.join("dee")
    people.befriend(ann, ben)
    people.befriend(ann, cem)
    browsers = {handle: people.sign_in(handle) for handle in ("ann", "ben", "cem", "dee")}
    reply = browsers["ann"].post("/groups", **{"title": "Choir", "with-ben": "yes"})
    assert reply.status_code == 303
    return reply.headers["location"], browsers


def test_members_write_and_only_they_read(choir) -> None:
    path, browsers = choir
    assert browsers["ben"].post(path, text="Tuesday at <b>seven</b>?").status_code == 303
    page = browsers["ann"].get(path).text
    assert "Tuesday at &lt;b&gt;seven&lt;/b&gt;?" in page
    assert "Tuesday" in browsers["ann"].get("/").text
    assert "Tuesday" in browsers["ann"].get("/groups").text
    for who in ("cem", "dee"):
        assert browsers[who].get(path).status_code == 404
        assert browsers[who].post(path, text="Hello").status_code == 404
        assert browsers[who].post(f"{path}/leave").status_code == 404
        assert "Choir" not in browsers[who].get("/groups").text


def test_a_contact_is_let_in_and_reads_what_comes_then(choir) -> None:
    path, browsers = choir
    browsers["ben"].post(path, text="before")
    assert browsers["ben"].post(f"{path}/add", who="cem").status_code == 422  # no contact of Ben's
    assert browsers["ann"].post(f"{path}/add", who="cem").headers["location"] == f"{path}?told=added"
    browsers["ben"].post(path, text="after")
    page = browsers["cem"].get(path).text
    assert "after" in page
    assert "before" not in page


def test_who_leaves_keeps_what_was_and_writes_nothing(choir) -> None:
    path, browsers = choir
    browsers["ann"].post(path, text="before")
    assert browsers["ben"].post(f"{path}/leave").status_code == 303
    browsers["ann"].post(path, text="after")
    page = browsers["ben"].get(path).text
    assert "before" in page
    assert "after" not in page
    assert "You have left" in page
    assert browsers["ben"].post(path, text="Hello").status_code == 404


def test_who_has_left_does_not_see_who_is_in_it(choir) -> None:
    path, browsers = choir
    assert "@ann" in browsers["ben"].get(path).text
    browsers["ben"].post(f"{path}/leave")
    browsers["ann"].post(f"{path}/add", who="cem")
    page = browsers["ben"].get(path).text
    assert not re.search(r"@(ann|cem)|Cem|Ann|in it", page)
    assert "@cem" in browsers["ann"].get(path).text


def test_a_task_goes_to_the_member_who_is_named_and_the_group_hears_nothing(choir, office) -> None:
    path, browsers = choir
    reply = browsers["ann"].post(path, text="@task @ben When do we meet?")
    task = office.tasks.find(int(reply.headers["location"].rpartition("/")[2]))
    assert (task.question, office.store.person(task.partner).handle) == ("When do we meet?", "ben")
    reply = browsers["ann"].post(path, text="When do we eat?", to="ben", **{"as": "task"})
    assert reply.headers["location"].startswith("/tasks/")
    for text, told in (("@task When?", "whose agent"), ("@task @cem When?", "whose agent")):
        reply = browsers["ann"].post(path, text=text)
        assert (reply.status_code, told in reply.text) == (422, True)
    assert browsers["ann"].post(path, text="@home by 5").headers["location"] == path
    page = browsers["ben"].get(path).text
    assert "@home by 5" in page
    assert "When do we" not in page


def test_a_group_is_of_contacts(choir) -> None:
    _, browsers = choir
    assert browsers["ben"].post("/groups", **{"title": "x", "with-cem": "yes"}).status_code == 422
    assert browsers["ben"].post("/groups", title="x").status_code == 422
    assert browsers["ben"].post("/groups", **{"title": " ", "with-ann": "yes"}).status_code == 422
