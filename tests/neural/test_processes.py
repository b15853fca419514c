"""Processes that train together say the same, and part without one taking the other along."""

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the torch extra is not installed")

from torch import multiprocessing  # noqa: E402

from consilience.neural.processes import any_process, part, process_count, speaks, wait_for_others  # noqa: E402

CPU = torch.device("cpu")


def test_alone_a_process_is_the_only_one(monkeypatch) -> None:
    monkeypatch.delenv("RANK", raising=False)
    assert (process_count(), speaks()) == (1, True)
    assert [any_process(here=here, device=CPU) for here in (True, False)] == [True, False]
    wait_for_others()
    part()


@pytest.mark.parametrize(
    ("rank", "of", "first"), [("0", "2", True), ("1", "2", False), ("10", "16", False), ("1", "1", True)]
)
def test_the_first_of_those_that_a_launcher_began_speaks(monkeypatch, rank, of, first) -> None:
    monkeypatch.setenv("RANK", rank)
    monkeypatch.setenv("WORLD_SIZE", of)
    assert speaks() is first


def test_one_of_many_runs_of_their_own_speaks(monkeypatch) -> None:
    """Those who number their runs by RANK have not begun them together."""
    monkeypatch.setenv("RANK", "3")
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert speaks()


def one_of_two(rank: int, folder: str) -> None:
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    assert process_count() == 2
    assert [any_process(here=rank == one, device=CPU) for one in (0, 1, 2)] == [True, True, False]
    if rank == 1:
        (Path(folder) / "slow").touch()
    wait_for_others()
    assert (Path(folder) / "slow").exists()
    part()
    assert not torch.distributed.is_initialized()


@pytest.mark.skipif(not torch.distributed.is_gloo_available(), reason="this torch is built without gloo")
def test_what_one_says_all_hear_and_they_wait_and_part(tmp_path) -> None:
    multiprocessing.spawn(one_of_two, args=(str(tmp_path),), nprocs=2)
