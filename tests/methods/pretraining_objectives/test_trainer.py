"""The Trainer: accumulation, resuming, and what it refuses."""

import json
import subprocess
import sys

import pytest

torch = pytest.importorskip("torch", reason="the pretraining extra is not installed")
transformers = pytest.importorskip("transformers", reason="the pretraining extra is not installed")
pytest.importorskip("accelerate", reason="the pretraining extra is not installed")

from consilience.ground import InvalidInput  # noqa: E402
from consilience.methods.pretraining_objectives.objectives import DiverseAutoregression  # noqa: E402
from consilience.methods.pretraining_objectives.studies.small_tokenizer import small_tokenizer  # noqa: E402
from consilience.methods.pretraining_objectives.trainer import (  # noqa: E402
    RECORD,
    PretrainingConfig,
    PretrainingTrainer,
)
from consilience.methods.pretraining_objectives.twins import ModelShape, make_model  # noqa: E402
from consilience.methods.pretraining_objectives.vocabulary import Vocabulary  # noqa: E402
from consilience.neural.weights import initialised  # noqa: E402

WORDS = 40
SHAPE = ModelShape(layers=1, width=16, heads=2, window=24)
_drawing = torch.Generator().manual_seed(0)
ROWS = [
    {"input_ids": torch.randint(3, WORDS, (int(length),), generator=_drawing)}
    for length in torch.randint(5, 24, (24,), generator=_drawing)
]
ARMS = {
    "ar": {"objective": "ar"},
    "all": {"objective": "diverse-ar", "estimator": "all"},
    "sampled": {"objective": "diverse-ar"},
    "mlm": {"objective": "mlm"},
    "variable": {"objective": "variable-mlm", "mask_pattern": "mixture"},
    "bound": {"objective": "variable-mlm", "loss_weighting": "elbo"},
}

pytestmark = pytest.mark.filterwarnings("ignore:.*pin_memory.*:UserWarning")


class Stream(torch.utils.data.IterableDataset):
    """Rows one after the other, of which nobody knows how many there are."""

    def __iter__(self):
        return iter(ROWS)


def trainer(folder, arm: str, *, model=None, rows=ROWS, **settings) -> PretrainingTrainer:
    arguments = {
        "per_device_train_batch_size": 4,
        "max_steps": 8,
        "learning_rate": 1e-2,
        "optim": "sgd",
        "lr_scheduler_type": "constant",
        "save_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
        "use_cpu": True,
        "logging_steps": 1,
    }
    config = PretrainingConfig(output_dir=str(folder), **(arguments | ARMS[arm] | settings))
    tokenizer = small_tokenizer(WORDS)
    bidirectional = ARMS[arm]["objective"] in {"mlm", "variable-mlm"}
    model = model or make_model(SHAPE, Vocabulary.of(tokenizer), bidirectional=bidirectional)
    return PretrainingTrainer(model, config, processing_class=tokenizer, train_dataset=rows, eval_dataset=ROWS[:6])


def furthest(one: PretrainingTrainer, other: PretrainingTrainer) -> float:
    pairs = zip(one.model.parameters(), other.model.parameters(), strict=True)
    return max(float((left - right).detach().abs().max()) for left, right in pairs)


@pytest.mark.parametrize("arm", ["ar", "all"])
def test_four_batches_accumulated_are_one_batch_though_rows_differ_in_length(arm, tmp_path) -> None:
    whole = trainer(tmp_path / "a", arm, max_steps=2, per_device_train_batch_size=8)
    parts = trainer(tmp_path / "b", arm, max_steps=2, per_device_train_batch_size=2, gradient_accumulation_steps=4)
    before = [part.detach().clone() for part in whole.model.parameters()]
    whole.train()
    parts.train()
    assert furthest(whole, parts) < 1e-6
    moved = max(float((a - b).detach().abs().max()) for a, b in zip(before, whole.model.parameters(), strict=True))
    assert moved > 1e-4


def test_one_offset_is_transformers_own_trainer(tmp_path) -> None:
    ours = trainer(tmp_path / "a", "ar", gradient_accumulation_steps=2)
    tokenizer = small_tokenizer(WORDS)
    theirs = transformers.Trainer(
        make_model(SHAPE, Vocabulary.of(tokenizer), bidirectional=False),
        transformers.TrainingArguments(
            output_dir=str(tmp_path / "b"),
            per_device_train_batch_size=4,
            gradient_accumulation_steps=2,
            max_steps=8,
            learning_rate=1e-2,
            optim="sgd",
            lr_scheduler_type="constant",
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            use_cpu=True,
            logging_steps=1,
        ),
        train_dataset=[{**row, "attention_mask": torch.ones_like(row["input_ids"])} for row in ROWS],
        data_collator=transformers.DataCollatorForLanguageModeling(tokenizer, mlm=False),
    )
    ours.train()
    theirs.train()
    assert furthest(ours, theirs) == 0


@pytest.mark.parametrize("arm", ARMS)
def test_a_run_that_resumes_ends_where_it_would_have(arm, tmp_path) -> None:
    whole = trainer(tmp_path, arm, gradient_accumulation_steps=2, save_strategy="steps", save_steps=5)
    whole.train()
    resumed = trainer(tmp_path, arm, gradient_accumulation_steps=2, save_strategy="steps", save_steps=5)
    resumed.train(resume_from_checkpoint=str(tmp_path / "checkpoint-5"))
    assert furthest(whole, resumed) == 0


def drawn_by(run: PretrainingTrainer, *, resume: str | None = None) -> list[torch.Tensor]:
    """Train, and return the inputs of every step."""
    inputs, step = [], run.training_step

    def kept(model, batch, *more):
        inputs.append(batch["input_ids"].clone())
        return step(model, batch, *more)

    run.training_step = kept
    run.train(resume_from_checkpoint=resume)
    return inputs


@pytest.mark.parametrize(("arm", "workers"), [("all", 0), ("variable", 0), ("variable", 2)])
def test_a_stream_trains_and_resumed_draws_what_it_would_have_drawn(arm, workers, tmp_path) -> None:
    settings = {"max_steps": 3, "gradient_accumulation_steps": 2, "save_strategy": "steps", "save_steps": 2}
    settings |= {"rows": Stream(), "dataloader_num_workers": workers}
    whole, resumed = (trainer(tmp_path, arm, **settings) for _ in range(2))
    inputs = drawn_by(whole)
    again = drawn_by(resumed, resume=str(tmp_path / "checkpoint-2"))
    assert len(inputs) == 6
    assert all(torch.equal(one, other) for one, other in zip(inputs[4:], again, strict=True))
    assert furthest(whole, resumed) == 0


def test_no_pass_through_a_stream_draws_the_masks_of_another(tmp_path) -> None:
    inputs = drawn_by(trainer(tmp_path, "variable", rows=Stream(), max_steps=12))
    assert len(inputs) == 12
    assert not any(torch.equal(one, other) for one, other in zip(inputs[:6], inputs[6:], strict=True))


def test_a_stream_that_is_not_skipped_on_resuming_has_new_masks(tmp_path) -> None:
    settings = {"rows": Stream(), "max_steps": 6, "save_strategy": "steps", "save_steps": 3}
    first = drawn_by(trainer(tmp_path, "variable", **settings))
    resumed = trainer(tmp_path, "variable", ignore_data_skip=True, **settings)
    again = drawn_by(resumed, resume=str(tmp_path / "checkpoint-3"))
    assert len(again) == 3
    assert not any(torch.equal(one, other) for one, other in zip(first[:3], again, strict=True))


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")
@pytest.mark.parametrize("first", ["heads", "adapters"])
@pytest.mark.parametrize("heads", ["adapter", "embedding"])
def test_heads_beside_adapters_are_refused_and_one_offset_is_not(first, heads, tmp_path) -> None:
    peft = pytest.importorskip("peft", reason="adapters need peft")
    vocabulary = Vocabulary.of(small_tokenizer(WORDS))
    model = make_model(SHAPE, vocabulary, bidirectional=False)
    if first == "heads":
        DiverseAutoregression(vocabulary=vocabulary, heads=heads).attach(model)
    adapted = peft.get_peft_model(model, peft.LoraConfig(r=2, target_modules=["q_proj"], task_type="CAUSAL_LM"))
    with pytest.raises(InvalidInput, match="heads of offsets are not saved with adapters"):
        trainer(tmp_path, "sampled", model=adapted, heads=heads)
    assert trainer(tmp_path, "ar", model=adapted, max_steps=1).train().training_loss > 0
    if first == "adapters":
        assert trainer(tmp_path, "all", model=adapted.merge_and_unload(), heads=heads, max_steps=1).train()


def test_heads_beside_adapters_that_transformers_put_in_are_refused(tmp_path) -> None:
    peft = pytest.importorskip("peft", reason="adapters need peft")
    model = make_model(SHAPE, Vocabulary.of(small_tokenizer(WORDS)), bidirectional=False)
    model.add_adapter(peft.LoraConfig(r=2, target_modules=["q_proj"]))
    with pytest.raises(InvalidInput, match="heads of offsets are not saved with adapters"):
        trainer(tmp_path, "all", model=model)


def test_evaluation_is_the_same_twice_and_does_not_change_what_is_trained_on(tmp_path) -> None:
    often = trainer(tmp_path / "a", "variable", eval_strategy="steps", eval_steps=2)
    never = trainer(tmp_path / "b", "variable")
    often.train()
    never.train()
    assert furthest(often, never) == 0
    assert often.evaluate()["eval_loss"] == often.evaluate()["eval_loss"]


def test_evaluation_is_the_same_whichever_workers_collate_it(tmp_path) -> None:
    runs = [trainer(tmp_path, "variable", dataloader_num_workers=n, per_device_eval_batch_size=2) for n in (0, 1, 2)]
    assert len({run.evaluate()["eval_loss"] for run in runs for _ in range(2)}) == 1


def test_a_checkpoint_of_another_objective_is_refused_before_anything_is_loaded(tmp_path) -> None:
    trainer(tmp_path, "mlm", save_strategy="steps", save_steps=8).train()
    checkpoint = tmp_path / "checkpoint-8"
    assert json.loads((checkpoint / RECORD).read_text())["name"] == "mlm"
    with pytest.raises(InvalidInput, match=r"another objective \(name: 'mlm', now 'variable-mlm'\)"):
        trainer(tmp_path, "variable").train(resume_from_checkpoint=True)
    with pytest.raises(InvalidInput, match=r"another objective \(ratio: '0.15', now '0.4'\)"):
        trainer(tmp_path, "mlm", mask_ratio="0.4").train(resume_from_checkpoint=str(checkpoint))


def test_looking_ahead_needs_a_model_that_does_not_see_ahead(tmp_path) -> None:
    around = make_model(SHAPE, Vocabulary.of(small_tokenizer(WORDS)), bidirectional=True)
    with pytest.raises(InvalidInput, match="EuroBertForMaskedLM sees later tokens"):
        trainer(tmp_path, "ar", model=around)


def test_a_causal_model_may_fill_masks(tmp_path) -> None:
    causal = make_model(SHAPE, Vocabulary.of(small_tokenizer(WORDS)), bidirectional=False)
    assert trainer(tmp_path, "variable", model=causal, max_steps=1).train().training_loss > 0


@pytest.mark.parametrize("name", ["gpt2", "bert"])
def test_models_of_other_families_train(name, tmp_path) -> None:
    if name == "gpt2":
        config = transformers.GPT2Config(
            vocab_size=WORDS, n_embd=8, n_layer=1, n_head=2, n_positions=24, bos_token_id=2, eos_token_id=2
        )
        run = trainer(tmp_path, "sampled", model=transformers.GPT2LMHeadModel(config), max_steps=2)
    else:
        config = transformers.BertConfig(
            vocab_size=WORDS, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8
        )
        run = trainer(tmp_path, "bound", model=transformers.BertForMaskedLM(config), max_steps=2)
    assert run.train().training_loss > 0


def test_rows_longer_than_the_window_are_refused(tmp_path) -> None:
    run = trainer(tmp_path, "ar")
    run.train_dataset = [{"input_ids": torch.arange(3, 28)}] * 8
    with pytest.raises(InvalidInput, match="25 tokens and the window is 24"):
        run.train()


def test_a_causal_model_of_experts_is_not_taken_for_one_that_sees_later_tokens(tmp_path) -> None:
    """Experts work on all their tokens at once, and round differently when there are others."""
    config = transformers.MixtralConfig(
        vocab_size=WORDS,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        num_local_experts=4,
    )
    for seed in range(8):
        model = initialised(seed, lambda: transformers.MixtralForCausalLM(config))
        trainer(tmp_path, "ar", model=model)


_ONE_OF_SEVERAL = """
import sys
import torch
from consilience.methods.pretraining_objectives.studies.small_tokenizer import small_tokenizer
from consilience.methods.pretraining_objectives.trainer import PretrainingConfig, PretrainingTrainer
from consilience.methods.pretraining_objectives.twins import ModelShape, make_model
from consilience.methods.pretraining_objectives.vocabulary import Vocabulary
from consilience.neural.processes import part

folder, rows, batch_size = sys.argv[1], torch.load(sys.argv[2]), int(sys.argv[3])
tokenizer = small_tokenizer(40)
config = PretrainingConfig(
    folder, objective="diverse-ar", estimator="all", per_device_train_batch_size=batch_size, max_steps=3,
    learning_rate=1e-2, optim="sgd", lr_scheduler_type="constant", save_strategy="no", report_to="none",
    disable_tqdm=True, use_cpu=True, max_grad_norm=0,
)
model = make_model(ModelShape(layers=1, width=16, heads=2, window=24), Vocabulary.of(tokenizer), bidirectional=False)
trainer = PretrainingTrainer(model, config, processing_class=tokenizer, train_dataset=rows)
trainer.train()
if config.process_index == 0:
    torch.save([part.detach() for part in trainer.accelerator.unwrap_model(trainer.model).parameters()], f"{folder}.pt")
# A process that leaves without parting from the other may abort, and take it along.
part()
"""


def test_two_processes_are_one_with_batches_twice_as_large(tmp_path) -> None:
    script, rows = tmp_path / "train.py", tmp_path / "rows.pt"
    script.write_text(_ONE_OF_SEVERAL)
    torch.save(ROWS, rows)
    two = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(script)]
    for name, command, batch_size in (("one", [sys.executable, str(script)], 8), ("two", two, 4)):
        done = subprocess.run(
            [*command, str(tmp_path / name), str(rows), str(batch_size)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr[-2000:]
    one, other = (torch.load(tmp_path / f"{name}.pt") for name in ("one", "two"))
    for left, right in zip(one, other, strict=True):
        torch.testing.assert_close(left, right, rtol=0, atol=1e-7)
