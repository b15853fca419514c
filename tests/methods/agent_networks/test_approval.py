import asyncio

import pytest

from consilience.dialogue.journal import Journal
from consilience.dialogue.work.artifact import Artifact
from consilience.methods.agent_networks.approval import (
    Approved,
    Edited,
    Pending,
    Rejected,
    Submission,
    approvals_at,
    remembered,
    reopened,
)


def asking(*decisions):
    left, asked = list(decisions), []

    async def decide(submission):
        asked.append(submission.element)
        return left.pop(0)

    return decide, asked


def submission(element="7", text="work"):
    return Submission(element, Artifact(text), "Do it.")


def test_only_named_elements_are_asked_about():
    decide, asked = asking(Rejected("no"))
    some = approvals_at({"7"}, decide)
    assert asyncio.run(some(submission("8"))) == Approved()
    assert asyncio.run(some(submission("7"))) == Rejected("no")
    assert asked == ["7"]


@pytest.mark.parametrize("decision", [Approved(), Edited("better"), Rejected("no")])
def test_what_was_decided_is_not_asked_again(decision, tmp_path):
    with Journal.open(tmp_path / "journal.sqlite", "run") as journal:
        decide, asked = asking(decision)
        assert asyncio.run(remembered(decide, journal)(submission())) == decision
    with Journal.open(tmp_path / "journal.sqlite", "run", replay_only=True) as journal:
        assert asyncio.run(remembered(decide, journal)(submission())) == decision
    assert asked == ["7"]


def test_what_nobody_had_to_look_at_is_asked_about_once_somebody_has_to(tmp_path):
    decide, asked = asking(Approved(), Rejected("no"))
    with Journal.open(tmp_path / "journal.sqlite", "run") as journal:
        assert asyncio.run(remembered(approvals_at({"7"}, decide), journal)(submission("8"))) == Approved()
        assert asyncio.run(remembered(approvals_at({"7"}, decide), journal)(submission("7"))) == Approved()
    with Journal.open(tmp_path / "journal.sqlite", "run") as journal:
        wider = remembered(approvals_at({"7", "8"}, decide), journal)
        assert asyncio.run(wider(submission("7"))) == Approved()
        assert asyncio.run(wider(submission("8"))) == Rejected("no")
    assert asked == ["7", "8"]


def test_what_is_pending_or_changed_is_asked_again(tmp_path):
    with Journal.open(tmp_path / "journal.sqlite", "run") as journal:
        decide, asked = asking(Pending(), Approved(), Rejected("no"))
        kept = remembered(decide, journal)
        assert asyncio.run(kept(submission())) == Pending()
        assert asyncio.run(kept(submission())) == Approved()
        assert asyncio.run(kept(submission(text="other work"))) == Rejected("no")
    assert asked == ["7", "7", "7"]


def test_what_is_reopened_is_asked_again_and_the_last_word_is_kept(tmp_path):
    async def words(journal, *decisions):
        decide, asked = asking(*decisions)
        found = [await remembered(decide, journal)(submission()) for _ in range(2)]
        reopened(["7", "8"], journal)
        return found, asked

    async def work():
        with Journal.open(tmp_path / "journal.sqlite", "run") as journal:
            assert await words(journal, Rejected("no")) == ([Rejected("no")] * 2, ["7"])
            assert await words(journal, Approved()) == ([Approved()] * 2, ["7"])
            assert await words(journal, Rejected("no")) == ([Rejected("no")] * 2, ["7"])
            assert journal.artifact("8+approval") is None

    asyncio.run(work())
