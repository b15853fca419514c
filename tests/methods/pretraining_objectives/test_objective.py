"""What all objectives share."""

import pytest

torch = pytest.importorskip("torch", reason="the pretraining extra is not installed")
pytest.importorskip("transformers", reason="the pretraining extra is not installed")

from transformers.loss.loss_utils import ForMaskedLMLoss  # noqa: E402

from consilience.methods.pretraining_objectives.objective import inputs_of, mean_loss  # noqa: E402


@pytest.mark.parametrize("items", [None, torch.tensor(7)])
def test_the_mean_is_that_of_transformers_to_the_bit(items) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 4, 9, generator=generator)
    labels = torch.randint(9, (3, 4), generator=generator).masked_fill(torch.eye(3, 4).bool(), -100)
    theirs = ForMaskedLMLoss(logits, labels, vocab_size=9, num_items_in_batch=items)
    assert torch.equal(mean_loss(logits, labels, items), theirs)


def test_models_are_given_no_more_than_they_take() -> None:
    batch = {name: torch.zeros(1) for name in ("input_ids", "attention_mask", "labels", "mask_ratio")}
    assert inputs_of(batch).keys() == {"input_ids", "attention_mask"}
