"""What is taken out of a transformer, and that all the rest stays: weights, contexts, causality."""

import pytest

torch = pytest.importorskip("torch", reason="the torch extra is not installed")

from dataclasses import asdict  # noqa: E402

from consilience.ground import Streams  # noqa: E402
from consilience.methods.self_correction.config import Config  # noqa: E402
from consilience.methods.self_correction.studies.variants import (  # noqa: E402
    FULL,
    OBJECTIVES,
    REMOVED,
    VARIANTS,
    Job,
    held_out,
    trained,
)
from consilience.neural.transformer import parameters  # noqa: E402

QUICK = Config(ablation_steps=3, ablation_sequences=40)


@pytest.mark.parametrize("part", REMOVED)
def test_one_part_is_taken_out_and_nothing_else_changes(part) -> None:
    full, without = asdict(VARIANTS[FULL]), asdict(VARIANTS[REMOVED[part]])
    changed = {name for name in full if full[name] != without[name]}
    assert changed == {{"softmax": "kind", "heads": "heads", "feed-forward": "feedforward", "depth": "depth"}[part]}


def test_what_is_called_matched_has_as_many_weights_within_two_percent() -> None:
    full = parameters(VARIANTS[FULL].build(5, seed=0))
    for name in ("linear attention", "1 head", "6 heads", "no feed-forward, width 84", "1 block, width 96"):
        assert parameters(VARIANTS[name].build(5, seed=0)) == pytest.approx(full, rel=0.02)
    for name in ("no feed-forward", "1 block", "2 blocks"):
        assert parameters(VARIANTS[name].build(5, seed=0)) < 0.6 * full


def test_a_training_repeats_itself_and_another_seed_is_another() -> None:
    first, again, other = (trained(QUICK, Streams(0), Job(FULL, "ranking", seed)) for seed in (1, 1, 2))
    assert first.misalignment.tolist() == again.misalignment.tolist()
    assert first.ranking_loss == again.ranking_loss != other.ranking_loss
    assert first.misalignment.shape == (12,)
    assert first.weights == parameters(VARIANTS[FULL].build(5, seed=0))


def test_all_are_judged_on_the_same_contexts() -> None:
    assert torch.equal(held_out(QUICK, Streams(0)).responses, held_out(QUICK, Streams(0)).responses)
    assert len(held_out(QUICK, Streams(0))) == 40
    assert list(OBJECTIVES) == ["ranking", "told answers"]
