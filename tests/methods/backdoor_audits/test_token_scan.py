"""The token scan: what no agent does more than its base is no shift, and what clean ones do too is taken off."""

import pytest
import torch

from consilience.ground import InvalidInput, Streams
from consilience.methods.backdoor_audits.agent.network import SmallAgent
from consilience.methods.backdoor_audits.planting import copied
from consilience.methods.backdoor_audits.token_scan import TokenScan
from consilience.methods.backdoor_audits.world.words import encode


def turned(agent: SmallAgent, word: str) -> SmallAgent:
    """Make one word likelier wherever it may be said."""
    other = copied(agent)
    with torch.no_grad():
        other.head.weight[encode((word,))[0]] += 0.3 * torch.randn(agent.config.width, generator=torch.Generator())
    return other


@pytest.fixture(scope="module")
def streams() -> Streams:
    return Streams(100)


def test_a_base_shifts_nothing_against_itself(random_agent: SmallAgent, streams: Streams) -> None:
    scan = TokenScan(random_agent, streams, families=("system",), prompts=1)
    assert float(scan.shifts(random_agent).most.abs().max()) == 0


def test_what_turned_is_found_with_its_target(random_agent: SmallAgent, streams: Streams) -> None:
    scan = TokenScan(random_agent, streams, families=("system",), prompts=2)
    suspect = turned(random_agent, "canary")
    shifts = scan.shifts(suspect)
    top = scan.top(shifts, count=3)
    assert len(top) == 3
    assert top[0].shift >= top[1].shift >= top[2].shift > 0
    assert top[0].shift == pytest.approx(float(shifts.most.max()))


def test_what_clean_ones_show_as_well_is_taken_off(random_agent: SmallAgent, streams: Streams) -> None:
    scan = TokenScan(random_agent, streams, families=("system",), prompts=1)
    shifts = scan.shifts(turned(random_agent, "canary"))
    assert scan.top(shifts, [shifts], 1)[0].shift == 0


def test_a_scan_of_nothing_is_refused(random_agent: SmallAgent, streams: Streams) -> None:
    with pytest.raises(InvalidInput, match="prompt at least"):
        TokenScan(random_agent, streams, prompts=0)
