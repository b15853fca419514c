"""Lives: a kill is at its point, and what was repeated and lost is counted."""

import asyncio
import json
import sys
from dataclasses import asdict, replace

import pytest

from consilience.dialogue.messages import Message, Question
from consilience.dialogue.rehearsal import rehearse
from consilience.dialogue.trials.lives import (
    KEPT,
    SENT,
    Kill,
    Life,
    calls_of,
    journal_of,
    killed,
    lived,
    lived_through,
    measured_kills,
    told_by,
)
from consilience.dialogue.work.artifact import Artifact

LIFE = Life(artifact="a", journal="j", replayed=1, caught_up_s=0.1, caught_up_cpu_s=0.1, started_cpu_s=0.1)


def test_a_record_that_is_not_there_is_empty(tmp_path) -> None:
    assert len(calls_of(tmp_path)) == 0
    assert calls_of(tmp_path).entries() == []


def test_a_life_is_killed_when_its_record_is_long_enough(tmp_path) -> None:
    (tmp_path / "life.py").write_text(
        "import sys, time\n"
        "with open(sys.argv[1], 'ab', 0) as record:\n"
        "    for _ in range(4000):\n"
        "        record.write(b's' + bytes(16))\n"
        "        time.sleep(0.005)\n"
    )
    command = [sys.executable, str(tmp_path / "life.py"), str(tmp_path / "calls")]
    assert lived(command, tmp_path, until=10) is None
    assert 10 <= len(calls_of(tmp_path)) < 4000
    assert calls_of(tmp_path).entries()[0] == (SENT, bytes(16))


def test_a_life_says_on_its_last_line_what_came_of_it(tmp_path) -> None:
    said = json.dumps(json.dumps(asdict(LIFE)))
    assert lived([sys.executable, "-c", f"print('before'); print({said})"], tmp_path) == LIFE
    with pytest.raises(RuntimeError, match=r"(?s)status 4.*no luck"):
        lived([sys.executable, "-c", "print('no luck'); raise SystemExit(4)"], tmp_path)


def test_what_was_sent_again_is_told_from_what_was_lost(tmp_path) -> None:
    keys = [bytes([number] * 16) for number in range(4)]
    lives = iter(
        (
            [SENT + keys[0], KEPT + keys[0], SENT + keys[1], SENT + keys[2]],
            [SENT + keys[1], SENT + keys[0], SENT + keys[3]],
        )
    )
    ends = iter((None, LIFE))

    def live(until: float) -> Life | None:
        assert until in (3, float("inf"))
        with (tmp_path / "calls").open("ab") as record:
            record.write(b"".join(next(lives)))
        return next(ends)

    assert killed(live, tmp_path, 3) == Kill(hit=True, kept=1, in_flight=2, repeated=2, lost=1, life=LIFE)


def kill(**facts: object) -> Kill:
    return Kill(**{"hit": True, "kept": 5, "in_flight": 4, "repeated": 2, "lost": 0, "life": LIFE, **facts})


def test_kills_that_take_nothing_meet_their_bars() -> None:
    same, lost, again = measured_kills([kill(), kill(repeated=3)], LIFE, work="poem", note="two runs")
    assert (same.value, same.note, lost.value, again.value) == (100.0, "two runs", 0, 0.75)
    assert "the poem and the journal" in same.name
    assert "the most of 2 kills" in again.note
    assert "5 of 8 altogether" in again.note


def test_a_kill_that_takes_something_is_seen() -> None:
    other = replace(LIFE, journal="another")
    kills = [kill(life=other), kill(lost=2, hit=False, in_flight=0, repeated=0)]
    same, lost, again = measured_kills(kills, LIFE, work="poem", note="")
    assert (same.value, lost.value, again.value) == (50.0, 2, 0.5)
    assert same.value < same.at_least
    assert lost.value > lost.at_most
    assert next(measured_kills(kills[:1], other, work="poem", note="")).value == 100.0


def test_a_journal_is_only_read(tmp_path) -> None:
    with pytest.raises(Exception, match="journal"):
        journal_of(tmp_path)


def test_a_life_goes_on_from_the_journal_of_its_folder(tmp_path) -> None:
    async def work(session, journal) -> Artifact | None:
        reply = await session.ask(Question("7", (Message("user", ("Hello",)),)))
        return Artifact(text=reply.text)

    first, second = (asyncio.run(lived_through(work, rehearse("rehearsal:echo"), tmp_path)) for _ in range(2))
    assert (first.artifact, first.journal) == (second.artifact, second.journal)
    assert (first.replayed, second.replayed) == (0, 1)
    assert [what for what, _ in calls_of(tmp_path).entries()] == [SENT, KEPT]


def test_a_life_without_an_end_is_a_mistake(tmp_path) -> None:
    async def work(session, journal) -> None:
        return None

    with pytest.raises(RuntimeError, match="came to no end"):
        asyncio.run(lived_through(work, rehearse("rehearsal:echo"), tmp_path))


def test_patience_ends(tmp_path) -> None:
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    with pytest.raises(RuntimeError, match="status -9"):
        told_by(command, tmp_path, lambda: False, patience_s=0.2)
    assert told_by(command, tmp_path, lambda: True, patience_s=60.0) is None
