"""What a probe keeps while batches come and go."""

import pytest
import torch

from consilience.methods.rank_collapse.profile import Reading, profile
from consilience.methods.rank_collapse.recording import Record

NAMES = ("mu", "relative_mu")


def tokens_of(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_rows_come_in_the_order_of_layers() -> None:
    record = Record()
    for layer in ("second", "first"):
        record.place(layer, "stack")
    for layer in ("first", "second"):
        record.take(layer, NAMES, profile(tokens_of(2, 3, 4)))
    rows = record.rows()
    assert [(row.layer, row.depth, row.measure) for row in rows] == [
        ("second", 1, "mu"),
        ("second", 1, "relative_mu"),
        ("first", 2, "mu"),
        ("first", 2, "relative_mu"),
    ]


def test_many_batches_are_one_stream() -> None:
    record, values = Record(), []
    record.place("h.0", "h")
    for seed in range(300):
        found = profile(tokens_of(2, 3, 4, seed=seed))
        values.append(found.moments.mu)
        record.take("h.0", ("mu",), found)
        record.settle()
    (row,) = record.rows()
    assert row.sequences == 600
    assert row.mean == pytest.approx(float(torch.cat(values).mean()), rel=1e-12)
    assert (row.low, row.high) == (float(torch.cat(values).min()), float(torch.cat(values).max()))


def test_types_of_tokens_do_not_mix() -> None:
    record = Record()
    record.place("h.0", "h")
    record.take("h.0", ("mu",), profile(tokens_of(1, 3, 4).float()))
    record.take("h.0", ("mu",), profile(tokens_of(1, 3, 4)))
    (row,) = record.rows()
    assert row.sequences == 2
    assert row.floor == pytest.approx(10 * 2**-23 * float(tokens_of(1, 3, 4).norm()), rel=1e-6)


def test_what_cannot_be_measured_has_its_reason() -> None:
    record = Record()
    record.place("h.0", "h")
    bad = tokens_of(3, 3, 4)
    bad[0], bad[1] = torch.nan, 0.0
    record.take("h.0", NAMES, profile(bad))
    reasons = {(one.layer, one.reason): one.times for one in record.unmeasured()}
    assert reasons == {
        ("h.0", "mu: NaN or infinite activations"): 1,
        ("h.0", "relative_mu: NaN or infinite activations"): 1,
        ("h.0", "relative_mu: all tokens are zero, which have no direction"): 1,
    }
    assert [row.sequences for row in record.rows()] == [2, 1]


def test_a_tolerance_below_the_floor_is_a_reason() -> None:
    record = Record()
    record.place("h.0", "h")
    record.take("h.0", ("numerical_rank", "mu"), profile(tokens_of(1, 4, 4).bfloat16(), needs={"spectrum"}))
    assert [row.measure for row in record.rows()] == ["mu"]
    assert "ten machine epsilons of torch.bfloat16" in record.unmeasured()[0].reason


def test_values_below_the_floor_are_counted() -> None:
    record = Record()
    record.place("h.0", "h")
    record.read("h.0", "smallest_edge", Reading(torch.tensor([1e-9, 1.0, 2.0, 3.0]), torch.full((4,), 1e-6)))
    (row,) = record.rows()
    assert (row.below_floor, row.trusted) == (0.25, True)
