"""The callback: any trainer, the same texts, before, meanwhile and after."""

import pytest

torch = pytest.importorskip("torch", reason="the preferences extra is not installed")
pytest.importorskip("trl", reason="the preferences extra is not installed")

from transformers import Trainer, TrainingArguments  # noqa: E402
from trl import DPOConfig, DPOTrainer  # noqa: E402

from consilience.ground.errors import InvalidInput  # noqa: E402
from consilience.methods.decorrelated_preferences.callback import MonosemanticityCallback  # noqa: E402
from consilience.methods.decorrelated_preferences.pooling import Reading  # noqa: E402
from consilience.methods.decorrelated_preferences.portrayal import Texts  # noqa: E402
from consilience.methods.decorrelated_preferences.studies import sorting  # noqa: E402

pytestmark = [
    # TRL and accelerate ask transformers for names that are going away.
    pytest.mark.filterwarnings("ignore:`.*gradient_checkpointing.*` is deprecated:FutureWarning"),
    # datasets leaves memory-mapped files to the garbage collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def texts(count: int = 4) -> Texts:
    ids = torch.randint(2, 13, (count, 9), generator=torch.Generator().manual_seed(0))
    return Texts(input_ids=ids, attention_mask=torch.ones_like(ids), counted=torch.ones_like(ids))


def test_it_watches_a_trainer_of_trl_without_changing_what_it_learns(make_trainer) -> None:
    watching = MonosemanticityCallback(texts(), layers=["0", "middle"], every=2)
    watched = make_trainer(DPOTrainer, DPOConfig, max_steps=5, callbacks=[watching])
    alone = make_trainer(DPOTrainer, DPOConfig, max_steps=5)
    watched.train()
    alone.train()
    assert [record["step"] for record in watching.history] == [0, 2, 4, 5]
    assert watching.history[-1]["layer 1/last/norm_ratio"] != 1
    assert "norm_ratio" not in " ".join(watching.history[0])
    logged = [record for record in watched.state.log_history if "features/layer 0/before last/hoyer" in record]
    assert [record["step"] for record in logged] == [0, 2, 4, 5]
    for weight, other in zip(watched.model.parameters(), alone.model.parameters(), strict=True):
        assert torch.equal(weight, other)


def test_a_resumed_run_compares_with_its_start(make_trainer) -> None:
    saved = {"max_steps": 4, "save_strategy": "steps", "save_steps": 2, "lr_scheduler_type": "constant"}
    whole, resumed = (MonosemanticityCallback(texts(), layers=["middle"], every=2) for _ in range(2))
    made = make_trainer(DPOTrainer, DPOConfig, **saved, callbacks=[whole])
    made.train()
    again = make_trainer(DPOTrainer, DPOConfig, **saved, callbacks=[resumed])
    again.train(resume_from_checkpoint=f"{made.args.output_dir}/checkpoint-2")
    assert resumed.history == whole.history
    assert [record["step"] for record in resumed.history] == [0, 2, 4]


def test_it_watches_a_plain_trainer(tmp_path) -> None:
    rows = [{"input_ids": row, "labels": row} for row in texts().input_ids]
    args = TrainingArguments(
        str(tmp_path), max_steps=2, report_to=[], use_cpu=True, save_strategy="no", disable_tqdm=True,
        per_device_train_batch_size=2, dataloader_pin_memory=False,
    )  # fmt: skip
    watching = MonosemanticityCallback(texts(), tokens={"mean": Reading(rows="both", pool="mean")}, every=1)
    model = sorting.model(0, sorting.Shape(width=16, layers=2, feedforward=24, heads=2))
    Trainer(model, args, train_dataset=rows, callbacks=[watching]).train()
    assert [record["step"] for record in watching.history] == [0, 1, 2]
    assert "layer 1/mean/effective_rank" in watching.history[0]


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(InvalidInput, match="two texts or more, got 1"):
        MonosemanticityCallback(texts(1))
    with pytest.raises(InvalidInput, match="at least 1 step; got 0"):
        MonosemanticityCallback(texts(), every=0)
