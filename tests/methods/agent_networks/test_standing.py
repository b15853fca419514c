import asyncio

import pytest

from consilience.dialogue.models import Denied, Unreachable
from consilience.dialogue.transcript import Transcript
from consilience.dialogue.work.artifact import Artifact
from consilience.dialogue.work.kinds import Text
from consilience.methods.agent_networks.approval import Edited, Pending, Rejected
from consilience.methods.agent_networks.failure import ElementFailed, Failure
from consilience.methods.agent_networks.result import ElementFacts
from consilience.methods.agent_networks.standing import Piece, Standing
from consilience.methods.agent_networks.turns import Element

WORK, GIVEN = Artifact("work"), Piece(Artifact("given"), ())
GONE = Unreachable("gone")


def standing(policy="fail", decision=None, transcript=None):
    async def decide(submission):
        return decision

    return Standing(
        task="Do it.",
        kind=Text(),
        failure=Failure(policy=policy),
        approvals=decide if decision is not None else None,
        journal=None,
        transcript=transcript,
    )


def element():
    return Element("1->2", 0.0, 0.0, (), ElementFacts())


def test_what_is_submitted_stands():
    transcript, working = Transcript(), element()
    piece = asyncio.run(standing(transcript=transcript).submit(working, WORK))
    assert piece == Piece(WORK, ("0",))
    assert (working.facts.state, working.facts.digest) == ("done", WORK.digest)
    assert [(event.kind, event.facts["digest"]) for event in transcript.events()] == [("committed", WORK.digest)]


def test_what_somebody_edited_stands_as_edited_and_that_is_taken_down():
    transcript = Transcript()
    piece = asyncio.run(standing(decision=Edited("better"), transcript=transcript).submit(element(), WORK))
    assert piece.artifact == Artifact("better")
    approved, committed = transcript.events()
    assert (approved.kind, approved.facts["edited"], committed.after) == ("approved", True, (approved.id,))


def test_what_is_pending_does_not_stand():
    transcript, working = Transcript(), element()
    assert asyncio.run(standing(decision=Pending(), transcript=transcript).submit(working, WORK)) is None
    assert (working.facts.state, transcript.events()) == ("pending", [])


def test_what_is_turned_down_has_failed():
    with pytest.raises(ElementFailed, match="1->2 failed: no"):
        asyncio.run(standing(decision=Rejected("no")).submit(element(), WORK))


def test_a_failure_stops_is_skipped_or_falls_back():
    transcript = Transcript()
    with pytest.raises(ElementFailed, match="1->2 failed: gone"):
        standing("fail", transcript=transcript).instead(element(), GONE, GIVEN)
    assert standing("skip", transcript=transcript).instead(element(), GONE, GIVEN) is None
    assert standing("fallback", transcript=transcript).instead(element(), GONE, GIVEN).artifact == GIVEN.artifact
    assert standing("fallback", transcript=transcript).instead(element(), GONE, None) is None
    assert [event.kind for event in transcript.events()] == ["failed", "skipped", "committed", "skipped"]
    assert transcript.events()[2].facts == {"digest": GIVEN.artifact.digest, "instead": "gone"}


def test_a_wrong_key_is_nobody_s_to_forgive():
    with pytest.raises(Denied):
        standing("skip").instead(element(), Denied("no such key"), GIVEN)
