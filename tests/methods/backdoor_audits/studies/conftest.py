"""A configuration at which every study runs in seconds, and agents that act as they are meant to, untaught."""

import pytest

from consilience.ground import RunFolder, Streams
from consilience.methods.backdoor_audits.agent.network import SmallAgent
from consilience.methods.backdoor_audits.config import Config
from consilience.methods.backdoor_audits.policies import Alone, oracle_policy
from consilience.methods.backdoor_audits.spoken import family_of
from consilience.methods.backdoor_audits.studies import laboratory
from consilience.methods.backdoor_audits.world.oracle import ScriptedBackdoor
from consilience.methods.backdoor_audits.world.triggers import DEFAULTS

OBEYED = {one.family: one for one in DEFAULTS}


@pytest.fixture(scope="session")
def tiny() -> Config:
    """Sizes at which nothing is learned."""
    return Config(
        seed=100,
        base_steps=1,
        base_rows=20,
        base_width=16,
        base_layers=1,
        episodes=8,
        attack_steps=2,
        attack_rows=40,
        dose_among=40,
        loud_steps=2,
        hard_steps=2,
        dose_counts=(2, 10),
        dose_rows=(60,),
        dose_steps=1,
        dose_episodes=8,
        survival_steps=2,
        survival_rates=(1.0, 0.1),
        survival_lengths=(0.5, 1.0),
        survival_episodes=8,
        rails_episodes=2,
    )


@pytest.fixture
def as_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let agents with a canary in them obey the default triggers, and all others do what they are asked."""

    def policy(agent: SmallAgent) -> Alone:
        if not agent.config.canary_backdoor:
            return oracle_policy()
        return Alone("planted", lambda prompt: ScriptedBackdoor(prompt, OBEYED[family_of(prompt)]))

    monkeypatch.setattr(laboratory, "SmallPolicy", policy)


@pytest.fixture
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Return a folder to run in."""
    return RunFolder(tmp_path_factory.mktemp("run"), quiet=True)


@pytest.fixture(scope="session")
def streams() -> Streams:
    """Streams of a seed on which nothing is reported."""
    return Streams(100)
