"""Histories: every element builds on what was recorded, and the truth is about what stands in its work."""

import numpy as np

from consilience.dialogue.work.kinds.repository import files_of
from consilience.methods.cross_team.studies.histories import FUNCTIONS, ROUNDS, TEAMS, drawn


def test_every_work_has_every_function_and_somebody_who_wrote_it() -> None:
    history = drawn(np.random.default_rng(0))
    assert len(history.works) == ROUNDS * (TEAMS + TEAMS // 2)
    for element, artifact in history.works.items():
        assert len(history.truth[element]) == FUNCTIONS
        source = "\n".join(files_of(artifact.text).values())
        assert all(f"def {name}(" in source for name in history.truth[element])


def test_truth_has_teams_and_merges_and_follows_from_the_seed() -> None:
    one, same, other = (drawn(np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert one.truth == same.truth != other.truth
    assert one.lineage.digest == same.lineage.digest != other.lineage.digest
    writers = {writer for row in one.truth.values() for writer in row.values()}
    assert {"+" in writer for writer in writers} == {True, False}
