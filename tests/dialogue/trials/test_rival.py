"""Rivals: latency belongs to the question, and a Python without this package can run a room's file."""

import asyncio
import json
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

import pytest

from consilience.dialogue.messages import Message, Question
from consilience.dialogue.trials import rival
from consilience.dialogue.trials.rival import ARTIFACT, Model, Outcome, Visit, direct, in_session, measured, peak_mb


@dataclass(frozen=True)
class Row:
    engine: str
    calls: int
    mean_s: float = 0.0
    sigma: float = 0.8
    seed: int = 0


async def one_by_one(job, model, folder):
    async def go():
        for at in range(job.calls):
            text = await model.say("a", at)
        if folder is not None:
            (folder / "kept").write_text(text)

    return go, "1.0"


ENGINES = {"bare": (one_by_one, False), "kept": (one_by_one, True)}


def alone_s(job, visits):
    return sum(visit.finished_s - visit.arrived_s for visit in visits)


def run(job: Row) -> Outcome:
    return measured(job, Row(job.engine, 1), ENGINES, alone_s)


def test_latency_belongs_to_the_question_and_the_seed() -> None:
    calls = [("3->4", 0), ("3->4", 1), ("4", 0)]
    one, same, other = ([Model(1.0, 0.8, seed).latency_s(*call) for call in calls] for seed in (1, 1, 2))
    assert one == same
    assert len({*one, *other}) == 6


def test_latencies_have_the_mean_that_was_asked_for() -> None:
    model = Model(2.0, 0.5, 3)
    drawn = [model.latency_s("a", number) for number in range(4000)]
    assert sum(drawn) / len(drawn) == pytest.approx(2.0, rel=0.05)


def test_only_what_keeps_something_leaves_files() -> None:
    bare, kept = run(Row("bare", 3)), run(Row("kept", 3))
    assert (bare.calls, bare.kept_bytes, bare.makespan_s) == (3, 0, 0.0)
    assert (kept.calls, kept.kept_bytes, kept.version) == (3, ARTIFACT, "1.0")


def test_a_makespan_is_from_the_first_question_to_the_last_reply() -> None:
    outcome = run(Row("bare", 4, mean_s=0.003))
    assert outcome.makespan_s >= outcome.critical_path_s > 0.002
    assert Visit("a", 0, 1).element == "a"


def test_a_python_without_this_package_runs_the_file_of_a_room(tmp_path) -> None:
    room = tmp_path / "room.py"
    room.write_text(
        textwrap.dedent(
            """
            from dataclasses import dataclass
            from consilience.dialogue.trials.rival import answer, measured

            @dataclass(frozen=True)
            class Job:
                engine: str
                mean_s: float = 0.0
                sigma: float = 0.8
                seed: int = 0

            async def build(job, model, folder):
                async def go():
                    await model.say("a", 0)
                return go, "2.0"

            if __name__ == "__main__":
                answer(Job, lambda job: measured(job, job, {"one": (build, False)}, lambda job, visits: 0.0))
            """
        )
    )
    command = [sys.executable, "-I", "-S", str(rival.__file__), str(room)]
    done = subprocess.run(command, input='{"engine": "one"}', capture_output=True, text=True, check=True)
    outcome = Outcome(**json.loads(done.stdout.splitlines()[-1]))
    assert (outcome.calls, outcome.version) == (1, "2.0")


def test_our_own_are_asked_alike_with_a_session_and_without(tmp_path) -> None:
    model = Model()
    question = Question("3->4", (Message("user", ("Say it.",)),))

    async def both():
        asked = direct(model)
        bare = await asked.ask(question, priority=1.0)
        assert asked.last_event("3->4") == ()
        with in_session(asked, tmp_path) as (session, files):
            kept = await session.ask(question)
            assert "replied" in {event.kind for event in files["transcript"].events()}
            assert [call.reply.text for call in files["journal"].calls()] == [kept.text]
        return bare, kept

    bare, kept = asyncio.run(both())
    assert (bare.text, bare.model) == (kept.text, kept.model) == (f"3->4/0 {'.' * (ARTIFACT - 7)}", "rehearsal:peer")
    assert model.calls == 2
    assert {path.name for path in tmp_path.iterdir()} >= {"journal.sqlite", "transcript.jsonl"}


def test_the_peak_never_falls() -> None:
    before = peak_mb()
    held = bytearray(30_000_000)
    after = peak_mb()
    del held
    assert 1 < before <= after + 1  # the kernel counts by pages that it has not handed back
    assert after <= peak_mb() + 1


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a process begins with the peak of the one before it")
def test_a_process_does_not_begin_with_the_peak_of_the_one_that_started_it() -> None:
    say = "import sys; sys.path.insert(0, sys.argv[1]); import rival; print(rival.peak_mb())"
    place = str(Path(rival.__file__).parent)
    held = b"x" * 300_000_000
    done = subprocess.run([sys.executable, "-S", "-c", say, place], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 150 < len(held) / 2**20
