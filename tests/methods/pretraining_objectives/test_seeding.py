"""Generators of batches."""

import pytest

torch = pytest.importorskip("torch", reason="the pretraining extra is not installed")

from torch.utils.data import DataLoader  # noqa: E402

from consilience.ground import InvalidInput  # noqa: E402
from consilience.methods.pretraining_objectives.seeding import BatchSeeds  # noqa: E402


def drawn(seeds: BatchSeeds, count: int = 3) -> list[float]:
    return [seeds.next().random() for _ in range(count)]


def test_batches_epochs_ranks_and_seeds_all_differ() -> None:
    first = BatchSeeds(1, rank=0)
    first.start(0)
    second = BatchSeeds(1, rank=0)
    second.start(1)
    values = [
        *drawn(first),
        *drawn(second),
        *drawn(BatchSeeds(1, rank=0)),
        *drawn(BatchSeeds(1, rank=1)),
        *drawn(BatchSeeds(2)),
    ]
    assert len(set(values)) == 15


def test_the_rank_comes_from_the_environment(monkeypatch) -> None:
    monkeypatch.setenv("RANK", "3")
    assert drawn(BatchSeeds(1)) == drawn(BatchSeeds(1, rank=3))


def test_a_start_in_the_middle_is_where_the_others_are() -> None:
    whole, late = BatchSeeds(1), BatchSeeds(1)
    whole.start(2)
    late.start(2, batch=2)
    assert drawn(whole, 4)[2:] == drawn(late, 2)
    assert late.state_dict() == {"seed": 1, "rank": 0, "epoch": 2, "batch": 4}


class Drawing:
    """Collates nothing but what its seeds draw."""

    def __init__(self, seed: int | None) -> None:
        self.seeds = BatchSeeds(seed)

    def __call__(self, rows: list[int]) -> float:
        return self.seeds.next().random()


@pytest.mark.parametrize("seed", [None, 5])
def test_workers_draw_differently_and_so_do_epochs_that_nobody_announced(seed) -> None:
    torch.manual_seed(0)
    loader = DataLoader(range(8), batch_size=2, collate_fn=Drawing(seed), num_workers=2)
    assert len({value for _ in range(2) for value in loader}) == 8


def test_without_a_seed_torchs_own_generator_is_drawn_from() -> None:
    torch.manual_seed(3)
    one = drawn(BatchSeeds(None))
    torch.manual_seed(3)
    assert drawn(BatchSeeds(None)) == one


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(InvalidInput, match="at least 0 or None; got -1"):
        BatchSeeds(-1)
