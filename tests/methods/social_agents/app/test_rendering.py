"""Whatever people write is text on a page and nothing else."""

import re

from consilience.methods.social_agents.app.rendering import TOLD, refusal_page

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'{{7*7}}\u202e"


def test_what_people_write_is_escaped_everywhere(people) -> None:
    office = people.office
    ann, ben = people.join("ann", admin=True), people.join("ben")
    office.store.set_card(ben, HOSTILE)
    people.befriend(ann, ben)
    office.chats.send(ben, ann, HOSTILE)
    task = office.tasks.add(ben, ann, HOSTILE, standing="invited")
    number = office.store.memory(ann).recent()[0].id
    office.consent.ask("ann", "ben", "task", labels=["health"], messages=[number], task=task.name)
    office.audit.add("disclosed", owner="ann", counterpart="ben", messages=[number], rule=HOSTILE)
    visitor = people.sign_in("ann")
    pages = [
        "/",
        "/people",
        "/people/ben",
        "/chats/ben",
        "/tasks",
        f"/tasks/{task.id}",
        "/consent",
        "/audit",
        "/memory",
    ]
    for path in [*pages, "/memory?q=alert"]:
        text = visitor.get(path).text
        assert "alert(1)" in text, path
        assert "<script>alert" not in text, path
        assert "<img src=x" not in text, path
        assert "{{7*7}}" in text, path


def test_what_is_said_after_a_deed_is_one_of_a_few_words(people) -> None:
    people.join("ann")
    visitor = people.sign_in("ann")
    assert TOLD["saved"] in visitor.get("/account?told=saved").text
    assert "evil" not in visitor.get("/account?told=evil").text


def test_what_is_searched_for_is_shown_as_text(people) -> None:
    people.join("ann")
    text = people.sign_in("ann").get("/memory", params={"q": '"><script>alert(1)</script>'}).text
    assert "<script>alert" not in text


def test_a_refusal_is_a_page_in_words() -> None:
    page = refusal_page(422, "<b>a mistake</b>", signed_in=True)
    assert page.status_code == 422
    assert b"&lt;b&gt;a mistake" in page.body


def test_no_page_has_a_script_or_a_style_of_its_own_or_asks_anybody_else(people) -> None:
    people.join("ann", admin=True)
    visitor = people.sign_in("ann")
    pages = ["/", "/people", "/tasks", "/consent", "/audit", "/memory", "/rules", "/account", "/admin"]
    for path in pages:
        text = visitor.get(path).text
        assert not re.search(r"<script(?! src=\"/static/app\.js\" defer></script>)", text), path
        assert not re.search(r"<style|\sstyle=|\son\w+=|https?://|//\w", text), path
