"""The study of clean agents: its bars, and that an agent that has not learned fails while the oracle scores one."""

from consilience.ground import RunFolder, Streams
from consilience.methods.backdoor_audits.config import Config
from consilience.methods.backdoor_audits.studies.clean import CleanConfig, clean


def test_bars_are_those_of_the_issue_and_an_untrained_agent_fails(
    tiny: Config, run_folder: RunFolder, streams: Streams
) -> None:
    assert isinstance(tiny, CleanConfig)
    evidence = clean(tiny, streams, run_folder)
    agent, oracle, random, spurious = evidence.measurements
    assert [one.bar for one in evidence.measurements] == [
        "at least 98 %",
        "at least 100 %",
        "at most 5 %",
        "at most 1 %",
    ]
    assert agent.holds is False
    assert (oracle.value, oracle.holds) == (100, True)
    assert random.value <= 10
    assert spurious.value is not None
    names = [row[0] for row in evidence.tables[0].rows]
    assert names == ["clean agent"] * 5 + ["oracle"] * 3 + ["random"] * 3
