"""In the application nobody is shown a secret; without a gate the pages of others have it."""

import numpy as np
import pytest

from consilience.methods.social_agents.manners import PLAYERS
from consilience.methods.social_agents.studies.onlookers import looked_on
from consilience.methods.social_agents.studies.success import SETS


@pytest.mark.parametrize("guarded", [True, False])
def test_leaky_agents_are_seen_only_without_a_gate(guarded) -> None:
    world = SETS["needle-1"](1, np.random.default_rng(0))
    found = looked_on(world, PLAYERS["neighbour-leaky"], np.random.default_rng(1), guarded=guarded)
    assert found.exposed
    assert bool(found.leaked) is not guarded, found.crossings
    wanted = {"app: pages", "app: live streams", "app: searches", "app: refusals and errors", "app: files"}
    wanted |= {f"app: pages of others, as {role}" for role in ("contact", "stranger", "revoked", "admin", "anonymous")}
    assert wanted <= {name for name, count in found.looked_at.items() if count}
