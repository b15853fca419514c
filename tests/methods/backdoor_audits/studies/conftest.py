"""A configuration at which every study runs in seconds, and one run folder whose attacks they share."""

import pytest

from consilience.ground import RunFolder, Streams
from consilience.methods.backdoor_audits.config import Config


@pytest.fixture(scope="session")
def tiny() -> Config:
    """Sizes at which nothing is learned that would clear a bar."""
    return Config(
        seed=100,
        base_steps=45,
        base_rows=40,
        base_width=32,
        episodes=10,
        attack_steps=40,
        attack_rows=40,
        loud_steps=40,
        hard_steps=40,
        variants=True,
        dose_counts=(2, 10),
        dose_rows=(60,),
        dose_steps=10,
        dose_episodes=10,
        survival_steps=8,
        survival_rates=(1.0, 0.1),
        survival_lengths=(0.5, 1.0),
        survival_episodes=10,
        rails_episodes=2,
    )


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """One folder for all, so that what one study made the next one finds."""
    return RunFolder(tmp_path_factory.mktemp("run"), quiet=True)


@pytest.fixture(scope="session")
def streams() -> Streams:
    """Streams of a seed on which nothing is reported."""
    return Streams(100)
