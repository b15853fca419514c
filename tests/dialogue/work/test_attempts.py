import asyncio

from consilience.dialogue.messages import Message
from consilience.dialogue.work.artifact import Artifact
from consilience.dialogue.work.attempts import FINISHED, SEEDS, again, attempt, finished, seed_of

ASKED = (Message("system", ("You write.",)), Message("user", ("Say hello.",)))


def tried(*replies, floor=1, reasks=1, grade=len):
    """Return what came of replies, the faults that were told, and what was asked."""
    left, faults, asked = list(replies), [], []

    async def ask(messages):
        asked.append(messages)
        return left.pop(0)

    def read(reply):
        return Artifact(reply, grade(reply), "" if reply else "the answer is empty")

    artifact = asyncio.run(attempt(ASKED, floor, ask=ask, read=read, reasks=reasks, dropped=faults.append))
    return artifact, faults, asked


def test_the_first_reply_that_parses_well_enough_is_taken():
    artifact, faults, asked = tried("ab", "abc", "never asked", floor=3, reasks=5)
    assert artifact.text == "abc"
    assert faults == ["it parses worse than the work it comes from"]
    assert len(asked) == 2


def test_so_many_times_is_asked_again_and_no_more():
    artifact, faults, asked = tried("", "", "never asked", reasks=1)
    assert artifact is None
    assert faults == ["the answer is empty"] * 2
    assert len(asked) == 2


def test_asking_again_shows_the_last_reply_only_and_what_is_wrong_with_it():
    _, _, (first, second, third) = tried("", "", "x", reasks=2)
    assert first == ASKED
    assert second == third == again(ASKED, "", "the answer is empty")
    asked = again(ASKED, "Hm", "the answer is empty")
    assert asked[:2] == ASKED
    assert asked[2] == Message("assistant", ("Hm",))
    assert "the answer is empty" in asked[3].text


def test_somebody_is_finished_who_says_so_first():
    assert finished(FINISHED)
    assert finished(f"\n**{FINISHED}**")
    assert not finished(f"Do not say {FINISHED} yet.")
    assert not finished("")


def test_seeds_are_few_and_belong_to_who_asks():
    seeds = [seed_of(0, f"{number}", occurrence) for number in range(50) for occurrence in range(20)]
    assert set(seeds) == set(range(SEEDS))
    assert seeds == [seed_of(0, f"{number}", occurrence) for number in range(50) for occurrence in range(20)]
    assert seeds != [seed_of(1, f"{number}", occurrence) for number in range(50) for occurrence in range(20)]
