"""What people do does what it says, to themselves and to whom they agreed with, and to nobody else."""

import re

import pytest

from consilience.methods.social_agents.records import Query

PASSWORD = "one long password"


@pytest.fixture
def pair(people):
    ann, ben = people.join("ann", admin=True), people.join("ben")
    people.befriend(ann, ben)
    return people.sign_in("ann"), people.sign_in("ben")


def test_one_joins_by_a_link_and_is_signed_in(people) -> None:
    visitor = people.browser()
    path = f"/join/{people.office.accounts.invite(admin=True)}"
    fields = {"handle": "Ann", "name": "Ann", "card": "I cook.", "password": PASSWORD}
    assert visitor.post(path, path, again="another one", **fields).status_code == 422
    assert visitor.post(path, path, again=PASSWORD, **fields).status_code == 303
    assert "Chats" in visitor.get("/").text
    assert people.office.store.person("ann").card == "I cook."
    assert visitor.post("/sign-out").headers["location"] == "/sign-in"
    assert visitor.get("/").status_code == 303


def test_two_come_into_contact_when_both_agree(people) -> None:
    people.join("ann")
    ben = people.join("ben")
    mine, theirs = people.sign_in("ann"), people.sign_in("ben")
    for handle in ("ben", "nobody", "ann"):  # the same is said whoever there is
        assert mine.post("/people", handle=handle).headers["location"] == "/people?told=asked"
    assert mine.post("/chats/ben", text="Hello").status_code == 404
    assert theirs.post("/requests/ann/accept").status_code == 303
    assert [one.handle for one in people.office.store.contacts_of(ben)] == ["ann"]
    assert mine.post("/chats/ben", text="Hello").status_code == 303
    assert "Hello" in theirs.get("/chats/ann").text


def test_capitals_of_a_handle_do_not_matter(people) -> None:
    people.join("ann")
    people.office.store.add_person("Bea", "Bea")
    people.office.accounts.join(people.office.accounts.invite(handle="Bea"), handle="", name="", password=PASSWORD)
    people.sign_in("ann").post("/people", handle="bea")
    assert "Ann" in people.sign_in("bea").get("/people").text


def test_who_declines_is_not_in_contact_and_can_be_asked_again(people) -> None:
    people.join("ann")
    people.join("ben")
    mine, theirs = people.sign_in("ann"), people.sign_in("ben")
    mine.post("/people", handle="ben")
    theirs.post("/requests/ann/decline")
    assert mine.post("/chats/ben", text="Hello").status_code == 404
    mine.post("/people", handle="ben")
    theirs.post("/people", handle="ann")  # both have asked
    assert mine.get("/chats/ben").status_code == 200


def test_somebody_without_an_account_cannot_be_asked(people) -> None:
    people.join("ann")
    people.office.store.add_person("cyd", "Cyd")
    people.sign_in("ann").post("/people", handle="cyd")
    assert people.office.store.requests_of("cyd") == []


def test_a_contact_that_is_withdrawn_ends_what_was_agreed(pair, people) -> None:
    office, (mine, theirs) = people.office, pair
    mine.post("/chats/ben", text="Read this.")
    mine.post("/people/ben/settings", group="family", trust="yes")
    request = office.consent.ask("ann", "ben", "task", labels=["health"], messages=[1])
    mine.post(f"/consent/{request.id}", allow="yes", scope="kind", lasting="24")
    assert office.consent.grants("ann", "ben")
    assert mine.post("/people/ben/withdraw").status_code == 303
    assert office.consent.grants("ann", "ben") == []
    assert office.policies.group("ann", "ben") == ""
    assert not office.chats.trusts(office.store.person("ann"), office.store.person("ben"))
    assert "Read this." in theirs.get("/chats/ann").text
    assert theirs.post("/chats/ann", text="And?").status_code == 404
    assert theirs.get("/people/ann").status_code == 404


@pytest.mark.parametrize("text", ["@task Where is the key?", " @TASK: Where is the key?", "@task, Where is the key?"])
def test_a_message_that_begins_with_task_asks_the_agents(pair, people, text: str) -> None:
    reply = pair[0].post("/chats/ben", text=text)
    assert re.fullmatch(r"/tasks/\d+", reply.headers["location"])
    (task,) = people.office.tasks.of(people.office.store.person("ann"))
    assert (task.question, task.standing) == ("Where is the key?", "invited")
    assert people.office.chats.messages(people.office.store.person("ben"), people.office.store.person("ann")) == []


@pytest.mark.parametrize("text", ["I asked @task yesterday", "@tasks are many", "@ben hello"])
def test_any_other_message_is_a_message(pair, people, text: str) -> None:
    assert pair[0].post("/chats/ben", text=text).headers["location"] == "/chats/ben"
    assert people.office.tasks.of(people.office.store.person("ann")) == []


def test_the_other_button_asks_too_and_an_empty_question_is_none(pair, people) -> None:
    assert pair[0].post("/chats/ben", text="Where is the key?", **{"as": "task"}).headers["location"][:7] == "/tasks/"
    assert pair[0].post("/chats/ben", text="@task ").status_code == 422
    assert pair[0].post("/chats/ben", text=" ").status_code == 422
    assert pair[0].post("/tasks", question="Where is the key?").status_code == 303
    assert len(people.office.tasks.of(people.office.store.person("ben"))) == 2


def test_who_asked_cannot_agree_for_the_other(pair, people) -> None:
    path = pair[0].post("/chats/ben", text="@task Where is the key?").headers["location"]
    assert pair[0].post(f"{path}/accept").status_code == 404
    assert pair[1].post(f"{path}/decline").headers["location"] == path
    assert pair[1].post(f"{path}/accept").headers["location"] == f"{path}?told=over"
    assert pair[1].post(f"{path}/share").status_code == 404


def test_a_task_is_steered_from_its_page(dinner, people) -> None:
    mine, theirs = people.sign_in("ann"), people.sign_in("ben")
    path = mine.post("/chats/ben", text=f"@task {dinner.question}").headers["location"]
    theirs.post(f"{path}/accept")
    request = dinner.waiting()
    assert "sesame" in theirs.get("/consent").text
    assert "waits for your word" in theirs.get(path).text
    for deed, told in (("pause", ""), ("pause", "?told=over"), ("resume", "")):
        assert mine.post(f"{path}/{deed}").headers["location"] == path + told
    assert mine.post(f"{path}/edit", slot="s1", value="").status_code == 422
    assert mine.post(f"{path}/edit", slot="s1", value="x" * 401).status_code == 422
    assert mine.post(f"{path}/say", text=" ").status_code == 422
    assert mine.post(f"{path}/share").headers["location"] == f"{path}?told=over"
    assert theirs.post(f"/consent/{request.id}", allow="yes").status_code == 303
    task = dinner.over(dinner.office.tasks.of(dinner.ann)[0])
    assert task.answer == "same"
    assert "same" in mine.get(path).text
    assert mine.post(f"{path}/share").headers["location"] == "/chats/ben?told=shared"
    assert theirs.get("/chats/ann").text.count("same") >= 2
    assert mine.post(f"{path}/kill").headers["location"] == f"{path}?told=over"


def test_a_question_is_answered_once_and_only_in_its_words(pair, people) -> None:
    office = people.office
    request = office.consent.ask("ann", "ben", "task", labels=["health"], messages=[1])
    for fields in ({"scope": "all"}, {"lasting": "9999"}):
        assert pair[0].post(f"/consent/{request.id}", allow="yes", **fields).status_code == 422
    assert pair[0].post(f"/consent/{request.id}").headers["location"] == "/consent?told=denied"
    assert pair[0].post(f"/consent/{request.id}", allow="yes").status_code == 404
    assert office.consent.grants("ann") == []


def test_rules_are_added_and_taken_away(pair, people) -> None:
    fields = {"who": "ben", "label": "health", "verdict": "never"}
    assert pair[0].post("/rules", **fields).status_code == 303
    assert people.office.policies.of("ann").rules[0].verdict == "never"
    assert "never" in pair[0].get("/rules").text
    for odd in ({"who": "stranger"}, {"label": "*; drop"}, {"verdict": "maybe"}, {"purpose": "x"}):
        assert pair[0].post("/rules", **{**fields, **odd}).status_code == 422
    (rule,) = people.office.policies.of("ann").rules
    assert f'name="rule" value="{rule}"' in pair[0].get("/rules").text
    assert pair[0].post("/rules/0/drop").status_code == 422
    assert pair[0].post("/rules/0/drop", rule=str(rule)).status_code == 303
    assert pair[0].post("/rules/0/drop", rule=str(rule)).status_code == 422
    assert people.office.policies.of("ben").rules == ()


def test_a_memory_is_emptied_by_its_person_with_their_password(pair, people) -> None:
    office, (mine, theirs) = people.office, pair
    mine.post("/chats/ben", text="The parrot is called Polly.")
    mine.post("/people/ben/settings", group="family", trust="yes")
    assert mine.post("/memory/forget", password="wrong").status_code == 422
    assert office.store.memory("ann").recent()
    assert mine.post("/memory/forget", password=PASSWORD).headers["location"] == "/memory?told=forgotten"
    assert office.store.memory("ann").search(Query(words=("parrot",))) == []
    assert "Polly" not in mine.get("/chats/ben").text
    assert "Polly" in theirs.get("/chats/ann").text
    ann, ben = office.store.person("ann"), office.store.person("ben")
    people.befriend(ann, ben)  # nothing that was allowed before holds again
    assert not office.chats.trusts(ann, ben)
    assert office.policies.group("ann", "ben") == ""
    assert theirs.post("/chats/ann", text="Hello again").status_code == 303
    assert "Hello again" in mine.get("/chats/ben").text


def test_a_password_is_changed_by_who_knows_the_old_one(pair, people) -> None:
    new = {"password": "another long one", "again": "another long one"}
    assert pair[0].post("/account/password", old=PASSWORD, password="a", again="b").status_code == 422
    assert "wrong-password" in pair[0].post("/account/password", old="wrong", **new).headers["location"]
    assert "saved" in pair[0].post("/account/password", old=PASSWORD, **new).headers["location"]
    assert people.office.accounts.sign_in("ann", PASSWORD) is None


def test_a_card_may_be_so_long_and_no_longer(pair, people) -> None:
    assert pair[0].post("/account/card", card="x" * 501).status_code == 422
    assert pair[0].post("/account/card", card=" I cook. ").status_code == 303
    assert people.office.store.person("ann").card == "I cook."


def test_who_invites_gets_a_link_once_and_may_keep_people_out(pair, people) -> None:
    office, (mine, theirs) = people.office, pair
    office.store.add_person("dora", "Dora")
    page = mine.post("/admin/invites", handle="dora")
    link = re.search(r'value="(http://testserver/join/[^"]+)"', page.text)[1]
    assert "join/" not in mine.get("/admin").text
    assert office.accounts.invited(link.rpartition("/")[2]).handle == "dora"
    assert mine.post("/admin/invites", handle="nobody").status_code == 422
    assert mine.post("/admin/invites", handle="ben").status_code == 422
    assert mine.post("/admin/people/ben/suspend").status_code == 303
    assert theirs.get("/").headers["location"] == "/sign-in"
    assert mine.post("/admin/people/ben/restore").status_code == 303
    assert people.sign_in("ben").get("/").status_code == 200
    assert mine.post("/admin/people/ann/suspend").status_code == 422
