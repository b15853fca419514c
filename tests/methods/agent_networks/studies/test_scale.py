"""The study of large networks, at small sizes: the large ones are the study's own."""

import pytest

from consilience.ground import Evidence, RunFolder, Streams
from consilience.methods.agent_networks.config import Config
from consilience.methods.agent_networks.studies import scale as study
from consilience.methods.agent_networks.studies.load import Weight, weigh
from consilience.methods.agent_networks.studies.scale import scale


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    config = Config(scale_rounds=2, scale_prompts=("star", "mesh", "layer"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study, "SIZES", {"star": 40, "mesh": 8, "chain": 300})
        patch.setattr(study, "LARGE", 64)
        patch.setattr(study, "weigh_apart", weighed)
        return scale(config, Streams(0), RunFolder(tmp_path_factory.mktemp("run"), quiet=True))


def weighed(shape: str, nodes: int, rounds: int = 3, way: str = "session") -> Weight:
    return weigh(shape, nodes, rounds, way)


def test_bars_are_those_of_the_issue(evidence: Evidence) -> None:
    bars = [measurement.bar for measurement in evidence.measurements if measurement.barred]
    assert bars == ["at most 3 s", "at most 100 MB", "at most 0.5 s", "at least 2", "at most 1.05", "at least 0.999"]


def test_sizes_are_those_of_the_issue() -> None:
    assert study.SIZES == {"star": 10_000, "mesh": 64, "chain": 100_000}
    assert (study.SMALL, study.LARGE) == (16, 1024)


def test_what_does_not_hang_on_the_machine_holds_at_any_size(evidence: Evidence) -> None:
    found = {measurement.name: measurement for measurement in evidence.measurements}
    assert found["chains of 300 that were built and run to their end"].value == 2
    prompt = found["longest prompt of 64 nodes against that of 16"]
    assert prompt.holds
    assert prompt.value >= 0.95
    assert found["tokens of all prompts as a line in the edges of a mesh, R2"].holds


def test_tables_name_what_was_run(evidence: Evidence) -> None:
    assert [row[:4] for row in evidence.tables[0].rows] == [
        ("star", 40, 79, 3),
        ("mesh", 8, 36, 3),
        ("chain", 300, 599, 1),
    ]
    assert [row[0] for row in evidence.tables[1].rows] == ["star", "mesh", "layer"]
