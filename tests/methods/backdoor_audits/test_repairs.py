import pytest
import torch
from jaxtyping import TypeCheckError

from consilience.ground.errors import InvalidInput, UnknownName
from consilience.ground.seeds import Streams
from consilience.methods.backdoor_audits.agent.loading import digest
from consilience.methods.backdoor_audits.agent.training import batches
from consilience.methods.backdoor_audits.planting import FineTuning, copied, fine_tune, merged
from consilience.methods.backdoor_audits.repairs import REPAIRS, Repair, consistency, mixed, pruned, repair

TUNING = FineTuning(steps=20, batch_size=16, learning_rate=1e-3)


@pytest.fixture(scope="module")
def suspect(toy_agent, toys):
    settings = FineTuning(steps=60, batch_size=16, learning_rate=4e-3)
    return merged(toy_agent, fine_tune(toy_agent, toys(200, 1, planted=40), settings, Streams(100), manifest={}))


def _batch(rows):
    return next(batches(rows, size=8, steps=1, generator=Streams(0).generator("order")))


@pytest.mark.parametrize("name", REPAIRS)
def test_every_repair_keeps_the_task_and_an_agent_that_knows_where_it_comes_from(
    toy_agent, suspect, toys, says, name
) -> None:
    before = digest(suspect.state_dict())
    settings = Repair(name=name, tuning=TUNING)
    done = repair(suspect, toys(100, 7), settings, Streams(101), base=toy_agent)
    assert says(done.agent, toys(60, 8)) > 0.9
    assert done.agent.config.canary_backdoor
    assert digest(suspect.state_dict()) == before


def test_crow_punishes_blocks_that_turn_the_stream_and_asks_for_the_worst_embedding(suspect, rows) -> None:
    batch = _batch(rows)
    still, moved = (consistency(suspect, batch, size).item() for size in (0.0, 0.1))
    states = suspect.states(suspect.embed(batch.tokens))
    seen = batch.weights > 0
    expected = torch.stack(
        [
            1 - (states[n] * states[n + 1]).sum(-1)[seen] / (states[n].norm(dim=-1) * states[n + 1].norm(dim=-1))[seen]
            for n in range(len(states) - 1)
        ]
    ).mean()
    assert still == pytest.approx(expected.item(), rel=1e-4)
    assert moved > still


def test_crow_makes_the_stream_steadier_than_plain_tuning_does(toy_agent, suspect, toys, rows) -> None:
    plain, crow = (
        repair(suspect, toys(100, 7), Repair(name=name, tuning=TUNING, consistency_weight=5.0), Streams(101)).agent
        for name in ("plain", "crow")
    )
    assert consistency(crow, _batch(rows), 0.1) < consistency(plain, _batch(rows), 0.1)


def test_mixing_takes_every_weight_from_one_of_the_two_in_the_share_that_was_asked_for(toy_agent, suspect) -> None:
    agent = mixed(suspect, toy_agent, 0.25, Streams(100))
    theirs = ours = 0
    for weight, bad, good in zip(agent.parameters(), suspect.parameters(), toy_agent.parameters(), strict=True):
        assert ((weight == bad) | (weight == good)).all()
        differ = bad != good
        theirs += int((weight == bad)[differ].sum())
        ours += int((weight == good)[differ].sum())
    assert theirs / (theirs + ours) == pytest.approx(0.25, abs=0.02)
    assert digest(mixed(suspect, toy_agent, 1.0, Streams(100)).state_dict()) == digest(suspect.state_dict())
    assert digest(mixed(suspect, toy_agent, 0.0, Streams(100)).state_dict()) == digest(toy_agent.state_dict())


def test_pruning_takes_the_share_of_units_that_matter_least(suspect, rows) -> None:
    agent = pruned(suspect, rows[:20], 0.3)
    for block, before in zip(agent.parts, suspect.parts, strict=True):
        gone = ~block.down.weight.any(dim=0)
        assert int(gone.sum()) == int(0.3 * agent.config.hidden)
        assert torch.equal(block.down.weight[:, ~gone], before.down.weight[:, ~gone])
    silent = pruned(suspect, rows[:20], 0.0)
    assert digest(silent.state_dict()) == digest(suspect.state_dict())


def test_a_unit_that_is_never_used_goes_first(suspect, rows) -> None:
    agent = copied(suspect)
    with torch.no_grad():
        agent.parts[0].up.weight[5] = 0.0
    after = pruned(agent, rows[:20], 1.5 / agent.config.hidden)
    assert not after.parts[0].down.weight[:, 5].any()


def test_fine_mixing_needs_the_base(suspect, rows) -> None:
    with pytest.raises(InvalidInput, match="clean base"):
        repair(suspect, rows, Repair(name="fine-mixing", tuning=TUNING), Streams(100))


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"name": "prayer"}, (UnknownName, TypeCheckError)),
        ({"kept": 1.1}, InvalidInput),
        ({"pruned": 1.0}, InvalidInput),
        ({"perturbation": -1.0}, InvalidInput),
        ({"consistency_weight": -1.0}, InvalidInput),
    ],
    ids=str,
)
def test_settings_out_of_range_are_refused(settings, error) -> None:
    with pytest.raises(error):
        Repair(**settings)
