"""Jobs here and in other processes."""

import pytest

torch = pytest.importorskip("torch", reason="the pretraining extra is not installed")

from consilience.methods.pretraining_objectives.studies.sharing import shared  # noqa: E402


def _threads(_: int) -> int:
    count: int = torch.get_num_threads()
    return count


def test_jobs_here_use_one_thread_and_give_it_back() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert shared(_threads, [0, 1], 1) == [1, 1]
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_results_of_processes_come_in_order() -> None:
    assert shared(abs, [-3, 2, -1], 2) == [3, 2, 1]
