"""Leaving for good on one's page, with one's password."""


def test_who_leaves_is_signed_out_everywhere_and_cannot_come_back(dinner, people) -> None:
    ben, other = people.sign_in("ben"), people.sign_in("ben")
    assert ben.post("/account/leave", password="not this one").status_code == 422
    reply = ben.post("/account/leave", password="one long password")
    assert (reply.status_code, reply.headers["location"]) == (303, "/sign-in?told=left")
    assert "are gone" in ben.get("/sign-in?told=left").text
    assert other.get("/").status_code == 303
    again = people.browser().post("/sign-in", "/sign-in", handle="ben", password="one long password")
    assert again.status_code == 401
    assert not dinner.office.accounts.has_account(dinner.ben)
    assert people.sign_in("ann").get("/chats/ben").status_code == 200


def test_the_only_one_who_invites_is_told_why_not(dinner, people) -> None:
    reply = people.sign_in("ann").post("/account/leave", password="one long password")
    assert (reply.status_code, "somebody has to be left" in reply.text) == (422, True)
    assert dinner.office.store.contacts_of("ann") == [dinner.ben]
