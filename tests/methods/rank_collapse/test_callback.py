"""The callback, in real training."""

import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import multiprocessing
from torch.utils.data import Dataset
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from consilience.ground import InvalidInput
from consilience.methods.rank_collapse.callback import (
    Alarm,
    AlarmRaised,
    RankCollapseCallback,
    RankCollapseWarning,
)
from consilience.neural.weights import initialised

CONFIG = GPT2Config(
    n_layer=2, n_embd=16, n_head=2, n_positions=16, vocab_size=50, bos_token_id=0, eos_token_id=0, resid_pdrop=0.2
)


class Texts(Dataset):
    def __len__(self) -> int:
        return 24

    def __getitem__(self, place: int) -> dict[str, torch.Tensor]:
        ids = torch.randint(1, 50, (8,), generator=torch.Generator().manual_seed(place))
        return {"input_ids": ids, "labels": ids}


def trained(
    tmp_path: Path, callback: RankCollapseCallback, steps: int = 6, before: Sequence[TrainerCallback] = ()
) -> Trainer:
    model = initialised(0, lambda: GPT2LMHeadModel(CONFIG))
    arguments = TrainingArguments(
        output_dir=str(tmp_path),
        max_steps=steps,
        per_device_train_batch_size=2,
        gradient_accumulation_steps=2,
        report_to=[],
        disable_tqdm=True,
        use_cpu=True,
        save_strategy="no",
        logging_strategy="no",
        eval_strategy="steps",
        eval_steps=1,
        dataloader_pin_memory=False,
    )
    with torch.random.fork_rng():
        trainer = Trainer(
            model=model, args=arguments, train_dataset=Texts(), eval_dataset=Texts(), callbacks=[*before, callback]
        )
        trainer.train()
    return trainer


def hooks_of(model: torch.nn.Module) -> int:
    return sum(len(part._forward_hooks) + len(part._forward_pre_hooks) for part in model.modules())


def test_it_logs_every_so_many_steps_and_leaves_no_hook(tmp_path: Path) -> None:
    callback = RankCollapseCallback("*.h.*", every=2)
    trainer = trained(tmp_path, callback)
    logged = [entry for entry in trainer.state.log_history if "rank_collapse/relative_mu/transformer.h.1" in entry]
    assert [entry["step"] for entry in logged] == [1, 3, 5]
    assert all(entry["rank_collapse/dropout"] == 0.2 for entry in logged)
    assert hooks_of(trainer.model) == 0
    report = callback.reports[1]
    assert (report.batches, report.training_batches) == (2, 2)
    assert {row.sequences for row in report.rows} == {4}


def test_what_other_callbacks_run_the_model_for_is_not_measured(tmp_path: Path) -> None:
    class Looks(TrainerCallback):
        def on_step_end(self, args, state, control, model=None, **others) -> None:
            with torch.inference_mode():
                model(torch.arange(1, 9)[None])

    callback = RankCollapseCallback("*.h.*", every=2)
    trained(tmp_path, callback, before=[Looks()])
    assert [(found.batches, found.training_batches) for found in callback.reports.values()] == [(2, 2)] * 3


def test_numbers_go_where_they_are_wanted(tmp_path: Path) -> None:
    told: list[dict[str, float]] = []
    trainer = trained(tmp_path, RankCollapseCallback(every=3, measures=("stable_rank",), log=told.append))
    assert len(told) == 2
    assert set(told[0]) == {
        "rank_collapse/stable_rank/transformer.h.0",
        "rank_collapse/stable_rank/transformer.h.1",
        "rank_collapse/dropout",
        "rank_collapse/unmeasured",
    }
    assert not any("rank_collapse/dropout" in entry for entry in trainer.state.log_history)


def test_a_warning_once_a_layer(tmp_path: Path) -> None:
    callback = RankCollapseCallback(every=1, alarms=[Alarm(below=2.0, layers="*.h.1")])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        trained(tmp_path, callback, steps=3)
    ours = [str(one.message) for one in caught if issubclass(one.category, RankCollapseWarning)]
    assert len(ours) == 1
    assert ours[0].startswith("step 1: relative_mu of transformer.h.1 is 0.")
    assert "level 2 with dropout 0.2, without which tokens may be closer still" in ours[0]
    assert [raised.step for raised in callback.raised] == [1, 2, 3]


def test_it_stops_training(tmp_path: Path) -> None:
    callback = RankCollapseCallback(every=2, alarms=[Alarm(measure="mean_cosine", above=-1.0, action="stop")])
    with pytest.warns(RankCollapseWarning, match="step 1: mean_cosine"):
        trainer = trained(tmp_path, callback)
    assert trainer.state.global_step == 1


def one_of_two(rank: int, folder: str) -> None:
    """Take three steps; only the second process has a sequence of tokens that are all the same, at the second."""
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    try:
        args, state, control = SimpleNamespace(device=torch.device("cpu")), TrainerState(), TrainerControl()
        model = torch.nn.Sequential(torch.nn.Identity())
        callback = RankCollapseCallback("0", every=1, alarms=[Alarm(below=0.01, action="stop")])
        stops = []
        for step in range(3):
            state.global_step = step
            callback.on_step_begin(args, state, control, model=model)
            model(torch.ones(1, 4, 4) if (rank, step) == (1, 1) else torch.eye(4)[None])
            callback.on_pre_optimizer_step(args, state, control)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", RankCollapseWarning)
                callback.on_step_end(args, state, control)
            stops.append(control.should_training_stop)
            control.should_training_stop = False
        torch.save((stops, len(callback.raised)), Path(folder) / f"{rank}.pt")
        torch.distributed.barrier()  # gloo may abort where one leaves while the other is still at work
    finally:
        torch.distributed.destroy_process_group()


@pytest.mark.skipif(sys.platform == "win32", reason="gloo over a file store is not offered there")
def test_where_one_process_must_stop_all_do(tmp_path: Path) -> None:
    multiprocessing.spawn(one_of_two, args=(str(tmp_path),), nprocs=2)
    found = [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2)]
    assert found == [([False, True, False], 0), ([False, True, False], 1)]


def test_it_calls_whom_it_should(tmp_path: Path) -> None:
    heard: list[AlarmRaised] = []
    alarms = [Alarm(below=2.0, action=heard.append), Alarm(below=1e-12, action="stop")]
    trainer = trained(tmp_path, RankCollapseCallback(every=1, alarms=alarms), steps=2)
    assert [(one.step, one.layer) for one in heard] == [
        (1, "transformer.h.0"),
        (1, "transformer.h.1"),
        (2, "transformer.h.0"),
        (2, "transformer.h.1"),
    ]
    assert trainer.state.global_step == 2


@pytest.mark.parametrize("levels", [{}, {"below": 0.1, "above": 0.2}])
def test_an_alarm_has_one_level(levels: dict[str, float]) -> None:
    with pytest.raises(InvalidInput, match="one of `below` and `above`"):
        Alarm(**levels)


def test_every_is_at_least_one() -> None:
    with pytest.raises(InvalidInput, match="at least 1; got 0"):
        RankCollapseCallback(every=0)
