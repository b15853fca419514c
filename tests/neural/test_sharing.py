"""Work that is shared: in order, one thread each, the same here and elsewhere."""

import pytest

torch = pytest.importorskip("torch", reason="the torch extra is not installed")

from consilience.neural.sharing import one_thread, shared  # noqa: E402


def threads_and_square(number: int) -> tuple[int, int]:
    return torch.get_num_threads(), number**2


@pytest.mark.parametrize("processes", [1, 2])
def test_results_come_in_order_from_one_thread_each(processes) -> None:
    assert shared(threads_and_square, [3, 1, 2], processes) == [(1, 9), (1, 1), (1, 4)]


def test_no_jobs_have_no_results() -> None:
    assert shared(threads_and_square, [], 2) == []


def test_jobs_here_use_one_thread_and_give_it_back() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert shared(threads_and_square, [0, 1], 1) == [(1, 0), (1, 1)]
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("processes", [1, 2])
def test_what_a_job_raises_is_raised(processes) -> None:
    with pytest.raises(TypeError):
        shared(threads_and_square, ["a", 2], processes)


def test_the_number_of_threads_is_given_back_whatever_happens() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with one_thread():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2
        with pytest.raises(ZeroDivisionError), one_thread():
            raise ZeroDivisionError
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
