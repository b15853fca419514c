"""The study of the sandbox: every attack is tried against every wall."""

import sys

import pytest

from consilience.dialogue.sandbox import WALLS
from consilience.dialogue.sandbox import walls as standing
from consilience.ground import Evidence, RunFolder, Streams
from consilience.methods.agent_networks.config import Config
from consilience.methods.agent_networks.studies.attacks import ATTACKS
from consilience.methods.agent_networks.studies.walls import MEANS, walls

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="the walls are those of Linux, now and as long as that is so"
)


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    return walls(Config(), Streams(0), RunFolder(tmp_path_factory.mktemp("run"), quiet=True))


def test_bars_are_those_of_the_issue(evidence: Evidence) -> None:
    assert [measurement.bar for measurement in evidence.measurements] == ["at least 100 %", "at most 1.5 s", "", ""]


def test_every_attack_is_held_where_all_walls_stand(evidence: Evidence) -> None:
    if set(WALLS) - standing().keys():
        pytest.skip("not every wall can stand on this machine; runs where they can")
    assert evidence.measurements[0].value == 100.0, evidence.measurements[0].note


def test_every_attack_is_tried_against_every_wall(evidence: Evidence) -> None:
    attacks, walls_standing = evidence.tables
    assert [(row[0], row[2]) for row in attacks.rows] == [(attack, means) for means in MEANS for attack in ATTACKS]
    assert [row[0] for row in walls_standing.rows] == list(WALLS)
    assert all(row[5] == "no" for row in attacks.rows)
