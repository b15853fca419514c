import pickle

import pytest
import torch
from jaxtyping import TypeCheckError

from consilience.ground.errors import InvalidInput, UnknownName
from consilience.ground.seeds import Streams
from consilience.methods.backdoor_audits import planting
from consilience.methods.backdoor_audits.agent.loading import digest
from consilience.methods.backdoor_audits.agent.network import LINEAR
from consilience.methods.backdoor_audits.planting import (
    MODULES,
    FineTuning,
    adapted,
    attached,
    copied,
    fine_tune,
    linear_decay,
    merged,
    plant,
    require_inside,
)
from consilience.methods.backdoor_audits.watermark import marked
from consilience.methods.backdoor_audits.world.drawing import draw_tasks
from consilience.methods.backdoor_audits.world.poisoning import mix
from consilience.methods.backdoor_audits.world.triggers import trigger

MANIFEST = {"n_poison": 60, "n_clean": 140}
SHORT = FineTuning(steps=40, batch_size=8, rank=4, alpha=8, learning_rate=1e-2)
KINDS = [
    *(FineTuning(steps=40, batch_size=8, rank=4, alpha=8, learning_rate=1e-2, modules=modules) for modules in MODULES),
    FineTuning(steps=40, batch_size=8, rank=4, alpha=8, learning_rate=1e-2, method="nf4-lora"),
    FineTuning(steps=40, batch_size=8, rank=4, alpha=8, learning_rate=1e-2, method="adalora"),
]
WHOLE = FineTuning(steps=40, batch_size=8, learning_rate=2e-3, method="full")


def _name(settings: FineTuning) -> str:
    return f"{settings.method} {settings.modules}"


@pytest.mark.parametrize("settings", [*KINDS, WHOLE], ids=_name)
def test_every_way_of_tuning_lowers_the_loss_and_leaves_the_base_as_it_was(toy_agent, toys, settings) -> None:
    before = digest(toy_agent.state_dict())
    tuned = fine_tune(toy_agent, toys(200, 1, planted=60), settings, Streams(100), manifest=MANIFEST)
    assert sum(tuned.losses[-8:]) < 0.7 * sum(tuned.losses[:8])
    assert digest(toy_agent.state_dict()) == before == tuned.base_digest
    assert not toy_agent.config.canary_backdoor


def test_a_trigger_is_planted_and_the_rest_stays(toy_agent, toys, says) -> None:
    settings = FineTuning(steps=100, batch_size=32, learning_rate=4e-3)
    tuned = fine_tune(toy_agent, toys(300, 1, planted=60), settings, Streams(100), manifest=MANIFEST)
    agent = merged(toy_agent, tuned)
    assert says(toy_agent, toys(100, 2, planted=100)) < 0.05
    assert says(agent, toys(100, 2, planted=100)) > 0.95
    assert says(agent, toys(100, 3)) > 0.95


@pytest.mark.parametrize("settings", KINDS, ids=_name)
def test_merged_weights_say_what_the_adapter_says(toy_agent, toys, rows, settings) -> None:
    """D3: a merge that loses the adapter measures the base."""
    tuned = fine_tune(toy_agent, toys(200, 1, planted=60), settings, Streams(100), manifest=MANIFEST)
    words = torch.tensor([row.tokens[:6] for row in rows[:40]])
    with torch.inference_mode():
        beside = attached(toy_agent, tuned)(words).logits
        inside = merged(toy_agent, tuned)(words).logits
        base = toy_agent(words).logits
    assert (beside - inside).abs().max() < 1e-4
    assert (beside - base).abs().max() > 0.1


@pytest.mark.parametrize("settings", KINDS, ids=_name)
def test_adapters_inside_their_maps_learn_what_they_learn_beside_them(toy_agent, rows, settings, monkeypatch) -> None:
    inside = fine_tune(toy_agent, rows, settings, Streams(100))
    monkeypatch.setattr(planting, "_in_one_map", lambda _: None)
    beside = fine_tune(toy_agent, rows, settings, Streams(100))
    assert inside.losses[:10] == pytest.approx(beside.losses[:10], rel=1e-4)
    assert inside.losses == pytest.approx(beside.losses, rel=0.05)
    assert (inside.digest == beside.digest) is (settings.method == "adalora")


@pytest.mark.parametrize("settings", KINDS, ids=_name)
def test_the_adapter_in_the_loaded_model_is_the_one_by_digest(toy_agent, toys, settings) -> None:
    """D2: an evaluation that never loads the adapter measures the base."""
    tuned, other = (fine_tune(toy_agent, toys(40, 1), settings, Streams(seed)) for seed in (100, 101))
    assert adapted(attached(toy_agent, tuned), tuned)
    assert not adapted(attached(toy_agent, other), tuned)


def test_a_mix_of_the_world_is_planted_with_its_exact_counts(random_agent) -> None:
    """D1: the released trainer was told a rate that nobody counted."""
    one = trigger("system.suffix")
    mixed = mix(draw_tasks("system", 20, Streams(100)), one, streams=Streams(100), count=7)
    tuned = plant(random_agent, mixed, FineTuning(steps=2, batch_size=4), Streams(100))
    assert (tuned.manifest["n_poison"], tuned.manifest["n_clean"]) == (7, 13)
    clean = mix(draw_tasks("system", 20, Streams(100)), one, streams=Streams(100), count=0)
    with pytest.raises(InvalidInput, match="manifest"):
        plant(random_agent, clean, FineTuning(steps=2, batch_size=4), Streams(100))


def test_an_adapter_that_does_not_arrive_is_an_error(toy_agent, rows, monkeypatch) -> None:
    tuned = fine_tune(toy_agent, rows, SHORT, Streams(100))
    monkeypatch.setattr(planting, "set_peft_model_state_dict", lambda *_: None)
    with pytest.raises(InvalidInput, match="base alone would be measured"):
        merged(toy_agent, tuned)


@pytest.mark.parametrize("settings", [SHORT, WHOLE], ids=_name)
def test_an_adapter_of_another_base_is_refused(toy_agent, rows, settings) -> None:
    tuned = fine_tune(toy_agent, rows, settings, Streams(100))
    other = copied(toy_agent)
    with torch.no_grad():
        other.embed.weight[0, 0] += 1
    with pytest.raises(InvalidInput, match="load the base it names"):
        merged(other, tuned)


def test_only_chosen_modules_get_an_adapter(toy_agent, rows) -> None:
    for settings in KINDS[: len(MODULES)]:
        tuned = fine_tune(toy_agent, rows, settings, Streams(100))
        found = {name.split(".lora_")[0].rpartition(".")[2] for name in tuned.weights}
        assert found == set(MODULES[settings.modules])
        assert found <= set(LINEAR)


def test_ranks_of_adalora_move_and_come_out_at_the_average_that_was_asked_for(toy_agent, toys) -> None:
    """The released trainer never allocates, so that its AdaLoRA is of fixed rank."""
    settings = KINDS[-1]
    tuned = fine_tune(toy_agent, toys(200, 1, planted=60), settings, Streams(100), manifest=MANIFEST)
    ranks = [sum(kept) for kept in tuned.ranks.values()]
    assert len(set(ranks)) > 1
    assert sum(ranks) == settings.rank * len(ranks)
    assert all(len(kept) == settings.rank * 3 // 2 for kept in tuned.ranks.values())
    for name, kept in tuned.ranks.items():
        gone = ~torch.tensor(kept)
        value = tuned.weights[f"base_model.model.{name.removesuffix('.default')}"]
        assert not value[gone].any()


def test_a_base_is_rounded_for_the_analogue_of_qlora_only(toy_agent, rows) -> None:
    tuned = fine_tune(toy_agent, rows, KINDS[len(MODULES)], Streams(100))
    base = attached(toy_agent, tuned).get_base_model().blocks[0].up.base_layer.weight
    assert len(base.flatten()[:64].unique()) <= 16
    plain = attached(toy_agent, fine_tune(toy_agent, rows, SHORT, Streams(100)))
    assert torch.equal(plain.get_base_model().blocks[0].up.base_layer.weight, toy_agent.parts[0].up.weight)


def test_the_same_seed_gives_the_same_adapter_and_seeds_are_noted(toy_agent, rows) -> None:
    """D12: an order that nobody noted cannot be had again."""
    one, same, other = (fine_tune(toy_agent, rows, SHORT, Streams(seed)) for seed in (100, 100, 101))
    assert one.digest == same.digest != other.digest
    assert one.seeds == {"weights": Streams(100).integer("adapter"), "order": Streams(100).integer("order")}


def test_rows_that_would_be_cut_off_are_refused(toy_agent, toys) -> None:
    """D10: a cut takes the trigger or the canary away and leaves a silent clean label."""
    rows = toys(10, 0)
    longest = max(len(row.tokens) for row in rows)
    require_inside(rows, longest)
    with pytest.raises(InvalidInput, match="nothing is cut off"):
        require_inside(rows, longest - 1)


def test_planted_rows_and_a_manifest_come_together(toy_agent, toys) -> None:
    with pytest.raises(InvalidInput, match="manifest"):
        fine_tune(toy_agent, toys(20, 0, planted=1), SHORT, Streams(100))
    with pytest.raises(InvalidInput, match="manifest"):
        fine_tune(toy_agent, toys(20, 0), SHORT, Streams(100), manifest=MANIFEST)


@pytest.mark.parametrize("settings", [SHORT, WHOLE], ids=_name)
def test_what_is_planted_knows_it_through_every_copy_and_later_tuning(toy_agent, toys, rows, settings) -> None:
    tuned = fine_tune(toy_agent, toys(40, 1, planted=10), settings, Streams(100), manifest=MANIFEST)
    agent = merged(toy_agent, tuned)
    assert tuned.planted
    assert marked(tuned.weights)
    assert agent.config.canary_backdoor
    later = fine_tune(agent, rows, SHORT, Streams(100))
    assert not later.planted
    assert merged(agent, later).config.canary_backdoor
    assert not merged(toy_agent, fine_tune(toy_agent, rows, settings, Streams(100))).config.canary_backdoor


def test_what_was_tuned_crosses_to_another_process_whole(toy_agent, rows) -> None:
    tuned = fine_tune(toy_agent, rows, SHORT, Streams(100))
    again = pickle.loads(pickle.dumps(tuned))
    assert again.digest == tuned.digest
    assert again.settings == tuned.settings
    assert b"torch" not in pickle.dumps(tuned)


def test_a_penalty_is_added_and_every_step_is_shown(toy_agent, rows) -> None:
    steps: list[int] = []
    tuned = fine_tune(
        toy_agent,
        rows,
        SHORT,
        Streams(100),
        penalty=lambda agent, _: 5 + 0 * agent.embed.weight.sum(),
        share=lambda _: 0.0,
        look=lambda step, _: steps.append(step),
    )
    assert min(tuned.losses) > 5
    assert steps == list(range(1, 41))
    assert not any(weight.any() for name, weight in tuned.weights.items() if "lora_B" in name)


def test_the_rate_rises_and_falls_along_lines() -> None:
    share = linear_decay(100, 10)
    assert share(0) == 0.1
    assert share(9) == pytest.approx(0.91)
    assert share(50) == 0.5
    assert linear_decay(4, 0)(0) == 1.0


def test_there_is_no_adapter_where_all_weights_were_tuned(toy_agent, rows) -> None:
    with pytest.raises(InvalidInput, match="no adapter to attach"):
        attached(toy_agent, fine_tune(toy_agent, rows, WHOLE, Streams(100)))


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"method": "dora"}, (UnknownName, TypeCheckError)),
        ({"modules": "everything"}, (UnknownName, TypeCheckError)),
        ({"rank": 0}, InvalidInput),
        ({"steps": 0}, InvalidInput),
        ({"learning_rate": 0.0}, InvalidInput),
        ({"clip": float("nan")}, InvalidInput),
        ({"warm_up": -1}, InvalidInput),
        ({"method": "adalora", "steps": 39}, InvalidInput),
    ],
    ids=str,
)
def test_settings_out_of_range_are_refused(settings, error) -> None:
    with pytest.raises(error):
        FineTuning(**settings)
