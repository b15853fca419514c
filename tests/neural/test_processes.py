"""Processes that train together say the same, and part without one taking the other along."""

import pytest

torch = pytest.importorskip("torch", reason="the torch extra is not installed")

from torch import multiprocessing  # noqa: E402

from consilience.neural.processes import any_process, leaving_together, process_count, speaks  # noqa: E402

CPU = torch.device("cpu")


def test_alone_a_process_is_the_only_one(monkeypatch) -> None:
    monkeypatch.delenv("RANK", raising=False)
    assert (process_count(), speaks()) == (1, True)
    assert [any_process(here=here, device=CPU) for here in (True, False)] == [True, False]
    with leaving_together():
        pass


@pytest.mark.parametrize(("rank", "first"), [("0", True), ("1", False), ("10", False)])
def test_the_first_of_those_that_a_launcher_began_speaks(monkeypatch, rank, first) -> None:
    monkeypatch.setenv("RANK", rank)
    assert speaks() is first


def one_of_two(rank: int, folder: str) -> None:
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    with leaving_together():
        assert process_count() == 2
        assert [any_process(here=rank == one, device=CPU) for one in (0, 1, 2)] == [True, True, False]
    assert not torch.distributed.is_initialized()


def one_that_fails(rank: int, folder: str) -> None:
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    with leaving_together():
        if rank == 1:
            raise ArithmeticError
        any_process(here=False, device=CPU)


@pytest.mark.skipif(not torch.distributed.is_gloo_available(), reason="this torch is built without gloo")
def test_what_one_says_all_hear_and_they_part(tmp_path) -> None:
    multiprocessing.spawn(one_of_two, args=(str(tmp_path),), nprocs=2)


@pytest.mark.skipif(not torch.distributed.is_gloo_available(), reason="this torch is built without gloo")
def test_one_that_fails_does_not_wait_for_the_other(tmp_path) -> None:
    with pytest.raises(Exception, match=r"ArithmeticError|Connection closed|SIGABRT|SIGTERM"):
        multiprocessing.spawn(one_that_fails, args=(str(tmp_path),), nprocs=2)
