"""The trainer: TRL's to the bit without a coefficient, the right gradient with one, one line where there is none."""

import copy
from typing import get_args

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the preferences extra is not installed")
pytest.importorskip("trl", reason="the preferences extra is not installed")

from peft import LoraConfig, get_peft_model  # noqa: E402
from trl import DPOConfig, DPOTrainer  # noqa: E402

from consilience.ground.errors import InvalidInput, UnknownName  # noqa: E402
from consilience.methods.decorrelated_preferences.commands import Loss  # noqa: E402
from consilience.methods.decorrelated_preferences.regularisers import cosine  # noqa: E402
from consilience.methods.decorrelated_preferences.studies import sorting  # noqa: E402

pytestmark = [
    # TRL, peft and accelerate ask transformers for names that are going away.
    pytest.mark.filterwarnings("ignore:`.*gradient_checkpointing.*` is deprecated:FutureWarning"),
    # datasets leaves memory-mapped files to the garbage collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

EVERY_LOSS = (
    "sigmoid", "hinge", "ipo", "nca_pair", "robust", "bco_pair", "sppo_hard", "aot", "aot_unpaired", "apo_zero",
    "apo_down", "discopop", "sft", "sigmoid_norm",
)  # fmt: skip


def batch(trainer, rows: int = 4):
    return trainer.data_collator([trainer.train_dataset[row] for row in range(rows)])


def hooks(trainer) -> int:
    """Count hooks where ours would be; checkpointing has its own on the embedding."""
    return sum(len(part._forward_hooks) for part in (trainer.model, *trainer._modules.values()))


def gradient(trainer, *, coefficient: float | None = None) -> torch.Tensor:
    """Return the gradient of the middle layer's first map on the first batch."""
    if coefficient is not None:
        trainer.args.decorrelation_coef = coefficient
    trainer.model.train()
    trainer.model.zero_grad()
    trainer.compute_loss(trainer.model, batch(trainer)).backward()
    (weight,) = [w for name, w in trainer.model.named_parameters() if name.endswith("layers.1.mlp.up_proj.weight")]
    return weight.grad.clone()


def test_a_coefficient_of_zero_is_the_trainer_of_trl_to_the_bit(make_trainer) -> None:
    ours, theirs = make_trainer(decorrelation_coef=0.0, max_steps=5), make_trainer(DPOTrainer, DPOConfig, max_steps=5)
    for trainer in (ours, theirs):
        trainer.train()
    losses = [[row["loss"] for row in one.state.log_history if "loss" in row] for one in (ours, theirs)]
    assert losses[0] == losses[1]
    for (name, weight), other in zip(ours.model.named_parameters(), theirs.model.parameters(), strict=True):
        assert torch.equal(weight, other), name


def test_the_loss_is_the_preference_loss_plus_the_term_by_hand(make_trainer) -> None:
    trainer = make_trainer(decorrelation_coef=0.7, decorrelation_rows="both")
    plain = make_trainer(DPOTrainer, DPOConfig)
    given = batch(trainer)
    seen = []
    up_proj = trainer.model.model.layers[1].mlp.up_proj
    handle = up_proj.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    trainer.model(given["input_ids"], attention_mask=given["attention_mask"])
    handle.remove()
    rows = torch.stack([row[mask.nonzero().max()] for row, mask in zip(seen[0], given["completion_mask"], strict=True)])
    found, base = trainer.compute_loss(trainer.model, given), plain.compute_loss(plain.model, given)
    assert float(found.detach()) == pytest.approx(float((base + 0.7 * cosine(rows)).detach()), rel=1e-5)


def test_ragged_answers_are_read_where_they_end(make_trainer) -> None:
    trainer = make_trainer()
    rows = [trainer.train_dataset[row] for row in range(3)]
    for row, kept in zip(rows, (2, 7, 4), strict=True):
        row["chosen_ids"] = row["chosen_ids"][:kept]
    given = trainer.data_collator(rows)
    apart = []
    for row in rows:
        alone = trainer.data_collator([row])
        seen = []
        handle = trainer._modules[1].register_forward_hook(lambda _m, _i, output, seen=seen: seen.append(output[0, -1]))
        trainer.model(alone["input_ids"][:1, : len(row["prompt_ids"]) + len(row["chosen_ids"])])
        handle.remove()
        apart.append(seen[0])
    trainer.args.decorrelation_coef, trainer.memory.size = 1.0, 3
    trainer.compute_loss(trainer.model, given)
    assert torch.allclose(trainer.memory.rows[:, 0], torch.stack(apart), atol=1e-5)


@pytest.mark.parametrize("checkpointing", [False, True])
def test_the_gradient_of_the_term_reaches_the_weights(make_trainer, checkpointing) -> None:
    trainer = make_trainer(activation_checkpointing=checkpointing)
    if checkpointing:
        trainer.model.activation_checkpointing_enable({"use_reentrant": False})
    term = gradient(trainer, coefficient=1.0) - gradient(trainer, coefficient=0.0)
    plain = make_trainer()
    expected = gradient(plain, coefficient=1.0) - gradient(plain, coefficient=0.0)
    assert float(term.norm()) > 1e-3
    assert torch.allclose(term, expected, rtol=1e-4, atol=1e-6)


def test_reentrant_checkpointing_is_refused_before_and_at_the_step(make_trainer) -> None:
    with pytest.raises(InvalidInput, match=r"set gradient_checkpointing_kwargs=\{'use_reentrant': False\}"):
        make_trainer(activation_checkpointing=True, activation_checkpointing_kwargs={"use_reentrant": True})
    trainer = make_trainer(activation_checkpointing=True)
    trainer.model.activation_checkpointing_enable({"use_reentrant": True})
    trainer.model.enable_input_require_grads()
    trainer.model.train()
    before = hooks(trainer)
    with pytest.raises(InvalidInput, match="no gradient reaches the features of layer 1: it is checkpointed"):
        trainer.compute_loss(trainer.model, batch(trainer))
    assert hooks(trainer) == before


def test_frozen_layers_are_said(make_trainer) -> None:
    trainer = make_trainer()
    trainer.model.requires_grad_(False)
    trainer.model.model.layers[2].requires_grad_(True)
    with pytest.raises(InvalidInput, match="frozen; train one of them, or regularise a later layer"):
        trainer.compute_loss(trainer.model, batch(trainer))


@pytest.mark.parametrize("checkpointing", [False, True])
def test_a_layer_below_all_that_is_trained_is_refused(make_trainer, checkpointing) -> None:
    def adapted(layer: int, **given):
        adapter = LoraConfig(r=2, target_modules=["up_proj"], layers_to_transform=[layer], task_type="CAUSAL_LM")
        return make_trainer(peft_config=adapter, activation_checkpointing=checkpointing, **given)

    with pytest.raises(InvalidInput, match="layer 1 lies below 2, the first that is trained: regularise layer 2 or"):
        adapted(2)
    assert adapted(2, decorrelation_coef=0.0)
    assert adapted(1)


def test_hooks_do_not_stay_neither_after_steps_nor_after_an_error(make_trainer, monkeypatch) -> None:
    trainer = make_trainer(max_steps=3)
    before = hooks(trainer)
    trainer.train()
    assert hooks(trainer) == before
    monkeypatch.setattr(DPOTrainer, "compute_loss", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        trainer.compute_loss(trainer.model, batch(trainer))
    assert hooks(trainer) == before


@pytest.mark.parametrize("loss", EVERY_LOSS)
def test_every_base_loss_takes_the_term(make_trainer, loss) -> None:
    trainer = make_trainer(loss_type=[loss], label_smoothing=0.1)
    given = batch(trainer)
    trainer.model.train()
    found = trainer.compute_loss(trainer.model, given)
    (term,) = trainer._metrics["train"]["decorrelation/loss"]
    trainer.args.decorrelation_coef = 0.0
    base = trainer.compute_loss(trainer.model, given)
    assert float(found.detach()) == pytest.approx(float(base.detach()) + term, rel=1e-5)


def test_the_flag_for_the_loss_takes_what_needs_no_other_flag() -> None:
    assert set(get_args(Loss)) == set(EVERY_LOSS)


def test_losses_can_be_mixed_and_micro_batches_accumulated(make_trainer) -> None:
    trainer = make_trainer(loss_type=["sigmoid", "sft"], loss_weights=[1.0, 0.2], gradient_accumulation_steps=2)
    trainer.train()
    rows = [row for row in trainer.state.log_history if "decorrelation/cosine" in row]
    assert len(rows) == 2
    assert all(0 < row["decorrelation/cosine"] <= 1 for row in rows)


def test_accumulated_micro_batches_average_their_terms(make_trainer) -> None:
    trainer = make_trainer(
        gradient_accumulation_steps=2, per_device_train_batch_size=2, max_steps=1, optim="sgd",
        lr_scheduler_type="constant", max_grad_norm=0.0, learning_rate=1.0,
    )  # fmt: skip
    start = copy.deepcopy(trainer.model)
    halves = []
    compute_loss = trainer.compute_loss

    def watched(model, inputs, *args, **kwargs):
        halves.append(inputs)
        return compute_loss(model, inputs, *args, **kwargs)

    trainer.compute_loss = watched
    trainer.train()
    after = trainer.model.state_dict()
    again = make_trainer(per_device_train_batch_size=2)
    again.model.load_state_dict(start.state_dict())
    again.model.train()
    (sum(again.compute_loss(again.model, half) for half in halves) / 2).backward()
    for name, weight in again.model.named_parameters():
        assert torch.allclose(start.get_parameter(name) - weight.grad, after[name], atol=1e-6), name


def test_with_adapters_the_policy_is_read_and_not_the_reference(make_trainer) -> None:
    trainer = make_trainer(peft_config=LoraConfig(r=2, target_modules=["up_proj"], init_lora_weights=False))
    trainer.args.decorrelation_memory, trainer.memory.size = 4, 4
    given = batch(trainer)
    trainer.model.train()
    trainer.compute_loss(trainer.model, given)
    seen = []
    handle = trainer._modules[1].register_forward_hook(lambda _m, _i, output: seen.append(output))
    trainer.model(given["input_ids"], attention_mask=given["attention_mask"])
    with trainer.model.disable_adapter():
        trainer.model(given["input_ids"], attention_mask=given["attention_mask"])
    handle.remove()
    policy, reference = (trainer.args.reading(found, given["completion_mask"]) for found in seen)
    assert torch.allclose(trainer.memory.rows[:, 0], policy, atol=1e-6)
    assert not torch.allclose(policy, reference, atol=1e-2)


def test_an_adapter_made_before_and_a_reference_worked_out_before(make_trainer) -> None:
    adapted = make_trainer(wrap=lambda policy: get_peft_model(policy, LoraConfig(r=2, target_modules=["up_proj"])))
    adapted.train()
    assert "decorrelation/cosine" in adapted.state.log_history[0]
    ahead = make_trainer(precompute_ref_log_probs=True)
    ahead.train()
    plain = make_trainer()
    plain.train()
    assert ahead.state.log_history[0]["loss"] == pytest.approx(plain.state.log_history[0]["loss"], rel=1e-5)


def test_evaluation_reports_the_term_and_remembers_nothing(make_trainer) -> None:
    held_out = sorting.pairs(np.random.default_rng(1), 8)
    trainer = make_trainer(decorrelation_memory=8, eval_dataset=held_out, per_device_eval_batch_size=4)
    found = trainer.evaluate()
    assert 0 < found["eval_decorrelation/cosine"] <= 1
    assert len(trainer.memory) == 0


def test_one_answer_at_a_time_is_refused_unless_something_is_remembered(make_trainer, capsys) -> None:
    with pytest.raises(InvalidInput, match="needs at least 2 of them at a time; got 1: raise the batch size"):
        make_trainer(per_device_train_batch_size=1)
    trainer = make_trainer(per_device_train_batch_size=1, decorrelation_memory=8, max_steps=3)
    trainer.train()
    steps = {row["step"]: row for row in trainer.state.log_history if "loss" in row}
    assert "decorrelation/cosine" not in steps[1]  # nothing to compare with yet
    assert all(0 < steps[step]["decorrelation/cosine"] <= 1 for step in (2, 3))
    (said,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("decorrelation at the first")]
    assert "cosine 0 " not in said
    assert "cosine -0 " not in said


def test_held_out_answers_that_are_alone_do_not_pass_for_decorrelated(make_trainer) -> None:
    held_out = sorting.pairs(np.random.default_rng(1), 2)
    found = make_trainer(eval_dataset=held_out, per_device_eval_batch_size=1).evaluate()
    assert np.isfinite(found["eval_loss"])
    assert "eval_decorrelation/cosine" not in found


def test_the_scale_is_printed_once_at_the_first_step(make_trainer, capsys) -> None:
    make_trainer(decorrelation_variant="paper", decorrelation_coef=10.0).train()
    lines = [
        line for line in capsys.readouterr().err.splitlines() if line.startswith("decorrelation at the first step")
    ]
    assert len(lines) == 1
    assert "paper" in lines[0]
    assert "times the preference loss of 0.6931; it will outweigh the preferences" in lines[0]
    make_trainer(decorrelation_scale_check=False).train()
    assert "decorrelation at the first step" not in capsys.readouterr().err


def test_half_precision_is_compared_in_single(make_trainer) -> None:
    trainer = make_trainer(bf16=True)
    trainer.train()
    assert np.isfinite([row["decorrelation/cosine"] for row in trainer.state.log_history[:2]]).all()


def test_settings_that_fit_nothing_are_refused(make_trainer) -> None:
    with pytest.raises(UnknownName, match=r"did you mean 'mlp.up_proj'"):
        make_trainer(decorrelation_module="mlp.up_poj")
    with pytest.raises(InvalidInput, match="must be a DecPOConfig; got DPOConfig"):
        make_trainer(args=DPOConfig)
