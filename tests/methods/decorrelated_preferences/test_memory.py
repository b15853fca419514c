"""A memory of features: the newest rows, without gradients."""

import pytest

torch = pytest.importorskip("torch", reason="the preferences extra is not installed")

from consilience.ground.errors import InvalidInput  # noqa: E402
from consilience.methods.decorrelated_preferences.memory import FeatureMemory  # noqa: E402


def test_the_newest_rows_are_kept_in_order_and_without_gradient() -> None:
    memory = FeatureMemory(3)
    for start in range(0, 6, 2):
        memory.add(torch.arange(start, start + 2.0, requires_grad=True)[:, None])
    assert memory.rows.flatten().tolist() == [3.0, 4.0, 5.0]
    assert not memory.rows.requires_grad
    assert len(memory) == 3


def test_a_memory_of_nothing_keeps_nothing() -> None:
    memory = FeatureMemory(0)
    memory.add(torch.ones(2, 3, 4))
    assert memory.rows is None
    assert len(memory) == 0


def test_rows_do_not_hold_on_to_the_batch_they_came_from() -> None:
    memory = FeatureMemory(1)
    memory.add(torch.ones(100, 5))
    assert memory.rows.untyped_storage().nbytes() == 5 * 4


def test_a_negative_size_is_refused() -> None:
    with pytest.raises(InvalidInput, match="0 rows or more; got -1"):
        FeatureMemory(-1)
