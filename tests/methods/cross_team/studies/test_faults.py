"""The study of teams that are ill and of runs that are killed, with latencies of a hundredth of a second."""

import asyncio

import pytest

from consilience.dialogue.messages import Message, Question
from consilience.dialogue.models import Rejected
from consilience.dialogue.players import constant
from consilience.dialogue.rehearsal import Rehearsal
from consilience.ground import RunFolder, Streams
from consilience.methods.cross_team.config import Config
from consilience.methods.cross_team.studies import faults as study
from consilience.methods.cross_team.studies.faults import Sick


def question(team, number=0):
    return Question(f"{team}/p0", (Message("user", ("Do it.",)),), occurrence=number)


def test_teams_fall_ill_when_they_are_said_to():
    async def run():
        model = Sick(
            Rehearsal(constant("well"), name="well"), {"A": ("dead", 1), "B": ("stalled", 0), "C": ("nonsense", 0)}
        )
        assert (await model.reply(question("A"))).text == (await model.reply(question("D"))).text == "well"
        with pytest.raises(Rejected, match="team A"):
            await model.reply(question("A", 1))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(model.reply(question("B")), 0.01)
        assert (await model.reply(question("C"))).text == "What a fine question."
        await model.close()

    asyncio.run(run())


@pytest.fixture(scope="module")
def evidence(tmp_path_factory):
    config = Config(faults_mean_s=0.02, faults_rounds=1, faults_kills=1)
    return study.faults(config, Streams(1), RunFolder(tmp_path_factory.mktemp("run"), quiet=True))


def test_bars_are_those_of_the_issue(evidence):
    assert [one.bar for one in evidence.measurements] == [
        *("at most 1.1", "at least 100 %", "at least 100 %", "at most 0", "at most 1")
    ]


def test_runs_end_with_work_and_kills_leave_no_trace(evidence):
    _, usable, same, lost, again = evidence.measurements
    assert "18 runs" in usable.note
    assert (usable.value, same.value, lost.value) == (100, 100, 0)
    assert again.value <= 1


def test_every_illness_is_in_the_table(evidence):
    rows = evidence.tables[0].rows
    assert [row[:2] for row in rows[1:]] == [(illness, count) for illness in study.ILLNESSES for count in (1, 2, 3)]
    assert all(row[2] > 0 for row in rows)
    assert len(evidence.tables[1].rows) == 1
