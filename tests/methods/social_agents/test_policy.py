"""Policies: the first rule that fits, safe where none does, and files that are refused in words."""

from datetime import UTC, datetime
from itertools import product
from typing import get_args

import pytest

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents import policy as policy_module
from consilience.methods.social_agents.labels import OTHER
from consilience.methods.social_agents.policy import DEFAULTS, GROUPS, NEW, Policy, Rule, Verdict
from consilience.methods.social_agents.records import Message

FRIENDS = {"friends": frozenset({"bea"})}
ILL, PLAIN, PIN, RENT = "I am ill.", "So it goes.", "My PIN is 4711.", "The rent is due."


def test_without_rules_strangers_are_asked_about_and_secrets_kept():
    policy = Policy("ann", (), FRIENDS)
    assert [policy.on(text, "bea").verdict for text in (PLAIN, ILL, RENT, PIN)] == ["allow", "ask", "ask", "never"]
    assert [policy.on(text, "zoe").verdict for text in (PLAIN, ILL, RENT, PIN)] == ["ask", "ask", "ask", "never"]


def test_the_first_rule_that_fits_decides():
    rules = (
        Rule(who="bea", label="health", purpose="care", verdict="allow"),
        Rule(who="friends", label="health", verdict="never"),
        Rule(verdict="coarsen"),
    )
    policy = Policy("ann", rules, FRIENDS)
    assert policy.on(ILL, "bea", "care").verdict == "allow"
    assert policy.on(ILL, "bea", "fun").verdict == "never"
    assert policy.on(ILL, "zoe", "care").verdict == "coarsen"
    assert policy.on(ILL, "zoe", "care").rule == "* / * / *: coarsen"


def test_a_rule_for_everything_does_not_mean_secrets_and_one_that_names_them_does():
    assert Policy.open("ann").on(PIN, "bea").verdict == "never"
    assert Policy("ann", (Rule(label="secret", verdict="allow"),)).on(PIN, "bea").verdict == "allow"


def test_of_several_labels_the_strictest_counts():
    policy = Policy("ann", (Rule(label="health", verdict="allow"), Rule(label="schedule", verdict="never")), FRIENDS)
    assert policy.on("I am ill on Friday.", "bea").verdict == "never"
    assert policy.on("I am ill.", "bea").verdict == "allow"


@pytest.mark.parametrize("handle", ["friends", NEW])
def test_nobody_gets_a_groups_rights_by_being_called_like_it(handle):
    policy = Policy("ann", (Rule(who="friends", label="health", verdict="allow"),), FRIENDS)
    assert policy.on(ILL, handle).verdict == "ask"
    assert (
        Policy("ann", (Rule(who=NEW, verdict="never"), Rule(verdict="allow")), FRIENDS).on(PLAIN, handle).verdict
        == "never"
    )


@pytest.mark.parametrize("group", GROUPS)
def test_a_rule_about_a_group_that_nobody_is_in_means_nobody(group):
    policy = Policy("ann", (Rule(who=group, label="health", verdict="allow"),))
    assert policy.on("I am ill again.", group).verdict == "ask"


def row(number, text, label=""):
    return Message(number, 1, 1, "Ann", datetime(2024, 5, 2, tzinfo=UTC), text, label)


def test_what_is_never_told_is_not_shown_and_what_is_asked_about_if_wished():
    policy = Policy("ann", (), FRIENDS)
    rows = [row(1, PLAIN), row(2, ILL), row(3, PIN), row(4, "Friday at 10:15.", "custom")]
    assert [one.id for one in policy.sift(rows, "bea")] == [1, 2, 4]
    assert [one.id for one in policy.sift(rows, "bea", show_asked=False)] == [1, 4]
    granted = policy.sift(rows, "bea", show_asked=False, granted=lambda labels, one: labels == {"health"} and one == 2)
    assert [one.id for one in granted] == [1, 2, 4]


def test_what_is_told_coarsely_is_shown_coarsely_and_keeps_its_labels():
    policy = Policy("ann", (Rule(label="schedule", verdict="coarsen"),), FRIENDS)
    (shown,) = policy.sift([row(1, "Choir on Friday, 8:00-9:30.")], "bea")
    assert (shown.text, shown.label) == ("busy on Friday, morning", "schedule")


TEXTS = (ILL, PLAIN, PIN, RENT, "Friday at 10:15, the doctor, in secret.", "Mail me: a@example.org, rent is 400 euros.")
GIVEN = ("", "", "garden", "secret", "other", "money, garden", "*")


@pytest.mark.parametrize("first", [Rule(verdict="allow"), None])
@pytest.mark.parametrize("label", ["*", "secret", "health", "schedule", "garden", OTHER])
@pytest.mark.parametrize("verdict", get_args(Verdict))
def test_what_is_hidden_and_asked_about_is_what_each_message_by_itself_would_be(verdict, label, first):
    rules = [Rule(label=label, verdict=verdict), *([first] if first else [])]
    policy = Policy("ann", tuple(rules), FRIENDS)
    when = datetime(2024, 5, 2, tzinfo=UTC)
    pairs = enumerate(product(TEXTS, GIVEN))
    rows = [Message(number, 1, 1, "Ann", when, text, given) for number, (text, given) in pairs]
    for who, show_asked in product(("bea", "zoe"), (True, False)):
        by_itself = {row.id: policy.on(row.text, who, label=row.label) for row in rows}

        def granted(labels, number):
            return "money" in labels or number % 5 == 0

        given = {"granted": granted, "show_asked": show_asked}
        shown = {row.id for row in policy.sift(rows, who, **given)}
        assert policy.hidden(iter(rows), who, **given) == set(by_itself) - shown
        asked = {number for number, ruling in by_itself.items() if ruling.verdict == "ask"}
        left = {number for number in asked if not granted(by_itself[number].labels, number)}
        assert policy.asks(iter(rows), who, granted=granted) == left


def test_only_kinds_that_decide_are_looked_for(monkeypatch):
    labelled = []
    real = policy_module.labels_of
    monkeypatch.setattr(policy_module, "labels_of", lambda text, given="": labelled.append(text) or real(text, given))
    rows = [Message(number, 1, 1, "Ann", datetime(2024, 5, 2, tzinfo=UTC), text) for number, text in enumerate(TEXTS)]
    assert Policy.open("ann").hidden(rows, "bea") == {2, 4}
    assert Policy.open("ann").asks(rows, "bea") == frozenset()
    assert set(labelled) == {TEXTS[2], TEXTS[4]}
    assert Policy("ann", (), FRIENDS).asks(rows, "bea") == {0, 3, 5}, "what is secret, too, is never told"
    assert PLAIN not in labelled


def test_among_the_defaults_one_means_every_label():
    assert any(rule.label == "*" for rule in DEFAULTS), "`Policy.hidden` takes it for all that no rule names"


def test_it_is_written_and_read(tmp_path):
    policy = Policy(
        "ann", (Rule(who="friends", purpose="care", verdict="allow"), Rule(label="x", verdict="never")), FRIENDS
    )
    path = tmp_path / "ann.toml"
    path.write_text(policy.toml(), encoding="utf-8")
    assert Policy.load(path) == policy
    with pytest.raises(InvalidInput, match="can be read"):
        Policy.load(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("owner = ", "must be TOML"),
        ("rules = []", "whose it is"),
        ('owner = "ann"\nextra = 1', "`owner`, `rules` and `groups`"),
        ('owner = "ann"\nrules = 3', "tables"),
        ('owner = "ann"\nrules = [3]', "a table of texts"),
        ('owner = "ann"\n[[rules]]\nwho = "*"', "must have a `verdict`"),
        ('owner = "ann"\n[[rules]]\nverdict = "maybe"', "allow, coarsen, ask, never"),
        ('owner = "ann"\n[[rules]]\nverdict = "allow"\nwhen = "now"', "`purpose` and `verdict`"),
        ('owner = "ann"\n[[rules]]\nverdict = "allow"\nwho = " "', "must not be empty"),
        ('owner = "ann"\n[groups]\nnew = ["bea"]', "other than 'new'"),
        ('owner = "ann"\n[groups]\n"*" = ["bea"]', "a group must have a name"),
        ('owner = "ann"\n[groups]\nfriends = "bea"', "a list of handles"),
    ],
)
@pytest.mark.usefixtures("past_the_types")
def test_what_is_no_policy_is_refused(text, said):
    with pytest.raises(InvalidInput, match=said.replace("*", r"\*")):
        Policy.read(text)
