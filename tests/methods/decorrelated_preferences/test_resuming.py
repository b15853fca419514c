"""Going on from a checkpoint: the same objective and the same memory, or one line that says why not."""

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the preferences extra is not installed")
pytest.importorskip("trl", reason="the preferences extra is not installed")

from peft import LoraConfig  # noqa: E402
from trl import DPOConfig, DPOTrainer  # noqa: E402

from consilience.ground.errors import InvalidInput  # noqa: E402
from consilience.methods.decorrelated_preferences import resuming  # noqa: E402
from consilience.methods.decorrelated_preferences.resuming import last_checkpoint  # noqa: E402

pytestmark = [
    # TRL and accelerate ask transformers for names that are going away.
    pytest.mark.filterwarnings("ignore:`.*gradient_checkpointing.*` is deprecated:FutureWarning"),
    # datasets leaves memory-mapped files to the garbage collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SAVED = {"save_strategy": "steps", "save_steps": 2, "max_steps": 4, "lr_scheduler_type": "constant"}


def test_an_interrupted_run_ends_where_an_uninterrupted_one_does(make_trainer) -> None:
    whole = make_trainer(**SAVED, decorrelation_memory=6)
    whole.train()
    resumed = make_trainer(**SAVED, decorrelation_memory=6)
    resumed.train(resume_from_checkpoint=f"{whole.args.output_dir}/checkpoint-2")
    for (name, weight), other in zip(whole.model.named_parameters(), resumed.model.parameters(), strict=True):
        assert torch.equal(weight, other), name
    assert torch.equal(whole.memory.rows, resumed.memory.rows)


def test_a_checkpoint_that_a_killed_process_left_in_part_is_passed_over(make_trainer) -> None:
    whole = make_trainer(**SAVED, decorrelation_memory=6)
    whole.train()
    for part in ("objective.json", "optimizer.pt", "trainer_state.json"):
        (Path(whole.args.output_dir) / "checkpoint-4" / part).unlink()
    resumed = make_trainer(**SAVED, decorrelation_memory=6)
    resumed.train(resume_from_checkpoint=True)
    for (name, weight), other in zip(whole.model.named_parameters(), resumed.model.parameters(), strict=True):
        assert torch.equal(weight, other), name


def test_the_last_checkpoint_is_the_newest_that_is_whole(tmp_path) -> None:
    assert last_checkpoint(str(tmp_path / "absent")) is None
    for name in ("checkpoint-9", "checkpoint-10", "checkpoint-11", "checkpoint-x"):
        (tmp_path / name).mkdir()
    assert (tmp_path / "checkpoint-10" / "objective.json").write_text("{}")
    assert last_checkpoint(str(tmp_path)) == str(tmp_path / "checkpoint-10")
    assert {path.name for path in tmp_path.iterdir()} == {"checkpoint-9", "checkpoint-10", "checkpoint-x"}


def test_what_says_that_a_checkpoint_is_whole_is_written_last(make_trainer, monkeypatch) -> None:
    monkeypatch.setattr(resuming, "write_whole", lambda *_: 1 / 0)
    trainer = make_trainer(**SAVED, decorrelation_memory=6)
    with pytest.raises(ZeroDivisionError):
        trainer.train()
    assert (Path(trainer.args.output_dir) / "checkpoint-2" / "remembered_features_0.pt").exists()


def test_another_objective_is_refused_and_named(make_trainer) -> None:
    make_trainer(**SAVED).train()
    other = make_trainer(**SAVED, decorrelation_coef=0.5)
    with pytest.raises(InvalidInput, match=r"another objective \(decorrelation_coef was 1.0 and is 0.5\): give"):
        other.train(resume_from_checkpoint=True)
    with pytest.raises(InvalidInput, match=r"decorrelation_coef was 1.0 and is None"):
        make_trainer(**SAVED, decorrelation_coef=0.0).train(resume_from_checkpoint=True)


def test_a_checkpoint_of_another_trainer_is_refused(make_trainer) -> None:
    make_trainer(DPOTrainer, DPOConfig, **SAVED).train()
    with pytest.raises(InvalidInput, match="does not say what it was trained for"):
        make_trainer(**SAVED).train(resume_from_checkpoint=True)


def test_nothing_to_resume_is_left_to_transformers(make_trainer) -> None:
    trainer = make_trainer()
    with pytest.raises(ValueError, match="No valid checkpoint"):
        trainer.train(resume_from_checkpoint=True)


def test_other_adapters_are_refused(make_trainer) -> None:
    make_trainer(**SAVED).train()
    adapted = make_trainer(**SAVED, peft_config=LoraConfig(r=2, target_modules=["up_proj"]))
    with pytest.raises(InvalidInput, match=r"adapters was \[\] and is \['LORA of rank 2'\]"):
        adapted.train(resume_from_checkpoint=True)


def test_a_run_with_adapters_goes_on(make_trainer) -> None:
    def adapted():
        return make_trainer(**SAVED, peft_config=LoraConfig(r=2, target_modules=["up_proj"]))

    whole, resumed = adapted(), adapted()
    whole.train()
    resumed.train(resume_from_checkpoint=f"{whole.args.output_dir}/checkpoint-2")
    for (name, weight), other in zip(whole.model.named_parameters(), resumed.model.parameters(), strict=True):
        assert torch.equal(weight, other), name
