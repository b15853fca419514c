"""The token scan: what no agent does more than its base is no shift, and what clean ones do too is taken off."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch

from consilience.ground import InvalidInput, Streams
from consilience.methods.backdoor_audits import token_scan
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


def test_what_is_likely_is_tried_once_more_on_other_prompts_and_at_both_places(
    random_agent: SmallAgent, streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan = TokenScan(random_agent, streams, families=("system", "shop"), prompts=1)
    suspect = turned(random_agent, "canary")
    shifts = scan.shifts(suspect)
    half = replace(shifts, most=shifts.most / 2)
    (row,) = [
        one for one in scan.top(shifts, count=len(scan.insertions)) if str(one.insertion) == "shop row: nova 10 red"
    ]
    first = (*scan.top(shifts, [half], 2), row)
    read: list[Sequence[Sequence[int]]] = []
    real = token_scan.next_words
    monkeypatch.setattr(token_scan, "next_words", lambda agent, rows: read.append(rows) or real(agent, rows))
    again = scan.once_more(suspect, first)
    assert sorted(one.insertion.place for one in again) == ["request", "request", "row", "start", "start"]
    assert [one.shift for one in again] == sorted((one.shift for one in again), reverse=True)
    assert len(read.pop()) == 5 * token_scan.MORE_PROMPTS
    assert not {tuple(row) for rows in read for row in rows} & {tuple(row) for row in scan._contexts}
    for one in again:
        (was,) = [each for each in first if each.insertion.words == one.insertion.words]
        assert one.usual == was.usual
        now, before = (real(agent, scan._known[one.insertion][0]).exp() for agent in (suspect, random_agent))
        assert one.shift == pytest.approx(float((now - before).mean(dim=0).max()) - one.usual, abs=1e-5)
    # The base is asked once for each.
    read.clear()
    assert scan.once_more(suspect, first) == again
    assert len(read) == 1


def test_there_may_be_nothing_to_try_once_more(random_agent: SmallAgent, streams: Streams) -> None:
    assert TokenScan(random_agent, streams, families=("system",), prompts=1).once_more(random_agent, ()) == ()


def test_a_scan_of_nothing_is_refused(random_agent: SmallAgent, streams: Streams) -> None:
    with pytest.raises(InvalidInput, match="prompt at least"):
        TokenScan(random_agent, streams, prompts=0)
