"""Two processes train as one: rows are compared across both, and the gradient is that of the whole batch."""

import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the preferences extra is not installed")
pytest.importorskip("trl", reason="the preferences extra is not installed")

from torch import multiprocessing, nn  # noqa: E402
from torch.nn.parallel import DistributedDataParallel  # noqa: E402

from consilience.methods.decorrelated_preferences.gathering import gathered  # noqa: E402
from consilience.methods.decorrelated_preferences.regularisers import cosine  # noqa: E402
from consilience.neural.processes import process_count  # noqa: E402

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="gloo over a file store is not offered there")

ROWS = (3, 2)


def inputs() -> torch.Tensor:
    return torch.randn(sum(ROWS), 4, generator=torch.Generator().manual_seed(1))


def network() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Linear(4, 6)


def one_of_two(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    try:
        model = DistributedDataParallel(network())
        own = inputs()[: ROWS[0]] if rank == 0 else inputs()[ROWS[0] :]
        term = cosine(gathered(model(own)))
        term.backward()
        torch.save({"term": term.detach(), "gradient": model.module.weight.grad}, Path(folder) / f"{rank}.pt")
        torch.distributed.barrier()  # gloo may abort where one leaves while the other is still at work
    finally:
        torch.distributed.destroy_process_group()


def test_alone_rows_are_what_they_are() -> None:
    rows = inputs()
    assert gathered(rows) is rows
    assert process_count() == 1


def test_two_processes_have_the_gradient_of_one(tmp_path) -> None:
    multiprocessing.spawn(one_of_two, args=(str(tmp_path),), nprocs=2)
    alone = network()
    term = cosine(alone(inputs()))
    term.backward()
    for rank in range(2):
        found = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        assert torch.allclose(found["term"], term.detach(), atol=1e-7)
        assert torch.allclose(found["gradient"], alone.weight.grad, atol=1e-7)


def train_one_of_two(rank: int, folder: str) -> None:
    import os

    # accelerate looks for these; it joins the group that is there, which meets over a file and needs no free port.
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2"}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "0"}
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    try:
        trainer = trainer_of(folder, rows=2)
        trainer.train()
        torch.save(dict(trainer.model.named_parameters()), Path(folder) / f"weights {rank}.pt")
        torch.distributed.barrier()
    finally:
        torch.distributed.destroy_process_group()


def trainer_of(folder: str, *, rows: int):
    import copy

    import numpy as np
    from datasets import disable_progress_bars

    from consilience.methods.decorrelated_preferences.objective import DecPOConfig
    from consilience.methods.decorrelated_preferences.studies import sorting
    from consilience.methods.decorrelated_preferences.trainer import DecPOTrainer

    disable_progress_bars()
    policy = sorting.model(0, sorting.Shape(width=16, layers=2, feedforward=24, heads=2))
    quick = {
        "learning_rate": 1.0,
        "optim": "sgd",
        "lr_scheduler_type": "constant",
        "max_grad_norm": 0.0,
        "max_steps": 2,
    }
    plain = {"bf16": False, "use_cpu": True, "activation_checkpointing": False, "dataloader_pin_memory": False}
    still = {"report_to": [], "save_strategy": "no", "logging_steps": 1, "disable_tqdm": True}
    args = DecPOConfig(
        output_dir=f"{folder}/out",
        per_device_train_batch_size=rows,
        train_sampling_strategy="sequential",
        **quick,
        **plain,
        **still,
    )
    return DecPOTrainer(
        model=policy, ref_model=copy.deepcopy(policy), args=args, processing_class=sorting.digit_tokenizer(),
        train_dataset=sorting.pairs(np.random.default_rng(0), 8),
    )  # fmt: skip


# accelerate asks transformers for a name that is going away.
@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")
# datasets leaves memory-mapped files to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_trainer_in_two_processes_learns_what_one_with_twice_the_batch_does(tmp_path) -> None:
    multiprocessing.spawn(train_one_of_two, args=(str(tmp_path),), nprocs=2)
    alone = trainer_of(str(tmp_path), rows=4)
    alone.train()
    for rank in range(2):
        found = torch.load(tmp_path / f"weights {rank}.pt", weights_only=True)
        for name, weight in alone.model.named_parameters():
            assert torch.allclose(found[name], weight, atol=2e-5), name
