"""Lives: a kill is at its point, and what was repeated and lost is counted."""

import json
import sys
from dataclasses import asdict

import pytest

from consilience.dialogue.trials.lives import KEPT, SENT, Kill, Life, calls_of, journal_of, killed, lived

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


def test_a_journal_is_only_read(tmp_path) -> None:
    with pytest.raises(Exception, match="journal"):
        journal_of(tmp_path)
