"""Losses of objectives, beside the same sums written out."""

import pytest

torch = pytest.importorskip("torch", reason="the pretraining extra is not installed")
transformers = pytest.importorskip("transformers", reason="the pretraining extra is not installed")

from torch.nn.functional import cross_entropy  # noqa: E402

from consilience.ground import InvalidInput  # noqa: E402
from consilience.methods.pretraining_objectives.masking import BernoulliCount, Masking, Replacement  # noqa: E402
from consilience.methods.pretraining_objectives.objectives import (  # noqa: E402
    DiverseAutoregression,
    MaskedPrediction,
)
from consilience.methods.pretraining_objectives.offsets import IGNORED  # noqa: E402
from consilience.methods.pretraining_objectives.patterns import SuffixPattern  # noqa: E402
from consilience.methods.pretraining_objectives.ratios import FixedRatio, UniformRatio  # noqa: E402
from consilience.methods.pretraining_objectives.twins import ModelShape, make_model  # noqa: E402
from consilience.methods.pretraining_objectives.unembedding import read_states, unembedding  # noqa: E402
from consilience.methods.pretraining_objectives.vocabulary import Vocabulary  # noqa: E402

WORDS = Vocabulary(30, special=(0, 1, 2), pad=0, mask=1, end=2)
SHAPE = ModelShape(layers=1, width=16, heads=2, window=12)
ROWS = torch.randint(3, 30, (5, 12), generator=torch.Generator().manual_seed(0))


def model_for(objective: DiverseAutoregression | MaskedPrediction) -> torch.nn.Module:
    model = make_model(SHAPE, WORDS, bidirectional=objective.bidirectional)
    objective.attach(model, seed=1)
    heads = getattr(model, "offset_heads", None)
    if heads is not None:
        generator = torch.Generator().manual_seed(2)
        for part in heads.parameters():
            part.data = 0.3 * torch.randn(part.shape, generator=generator)
    return model


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_one_offset_is_the_models_own_loss_to_the_bit() -> None:
    objective = DiverseAutoregression(vocabulary=WORDS, offsets=1)
    model = model_for(objective)
    batch = objective.draw(ROWS)
    plain = model(input_ids=ROWS, labels=ROWS)
    assert torch.equal(objective.loss(model, batch), plain.loss)
    items = objective.items(batch)
    whole = model(input_ids=ROWS, labels=ROWS, num_items_in_batch=items[0]).loss
    assert torch.equal(objective.loss(model, batch, items), whole)


def test_one_offset_leaves_the_model_without_heads() -> None:
    assert not hasattr(model_for(DiverseAutoregression(vocabulary=WORDS, offsets=1)), "offset_heads")


@pytest.mark.parametrize("kind", ["adapter", "embedding"])
def test_all_offsets_are_the_weighted_sum_of_their_means(kind) -> None:
    objective = DiverseAutoregression(vocabulary=WORDS, offsets=3, weights=(2.0, 1.0, 1.0), heads=kind)
    model = model_for(objective)
    batch = objective.draw(ROWS)
    with read_states(model) as read:
        model(input_ids=ROWS)
    states = (read(), *model.offset_heads.ahead(read()))
    parts = [
        cross_entropy(unembedding(model)(state).flatten(0, 1), batch["labels"][..., place].flatten())
        for place, state in enumerate(states)
    ]
    expected = 0.5 * parts[0] + 0.25 * parts[1] + 0.25 * parts[2]
    assert float(objective.loss(model, batch).detach()) == pytest.approx(float(expected.detach()), rel=1e-5)


def test_sampled_offsets_average_to_all_offsets_gradients_included() -> None:
    every = DiverseAutoregression(vocabulary=WORDS, offsets=3)
    sampled = DiverseAutoregression(vocabulary=WORDS, offsets=3, estimator="sample")
    model = model_for(every)
    labels = every.draw(ROWS)["labels"]
    every.loss(model, every.draw(ROWS)).backward()
    expected = [part.grad.clone() for part in model.parameters()]
    model.zero_grad()
    value = 0.0
    for offset in (1, 2, 3):
        batch = {
            "input_ids": ROWS,
            "labels": labels[..., offset - 1 : offset],
            "offset": torch.full((5,), offset),
            "targets_per_offset": (labels != IGNORED).sum(dim=1),
        }
        loss = sampled.loss(model, batch) / 3
        loss.backward()
        value += float(loss.detach())
    assert value == pytest.approx(float(every.loss(model, every.draw(ROWS)).detach()), rel=1e-5)
    for part, grad in zip(model.parameters(), expected, strict=True):
        torch.testing.assert_close(part.grad, grad, rtol=1e-4, atol=1e-6)


def test_all_offsets_refuse_a_model_that_scales_its_logits_and_one_offset_or_a_sample_train_it() -> None:
    config = transformers.CohereConfig(
        vocab_size=30,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        logit_scale=0.5,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )
    model = transformers.CohereForCausalLM(config)
    every, sampled, one = (
        DiverseAutoregression(vocabulary=WORDS, offsets=offsets, estimator=estimator)
        for offsets, estimator in ((3, "all"), (3, "sample"), (1, "all"))
    )
    sampled.attach(model)
    with pytest.raises(InvalidInput, match="CohereForCausalLM scales or caps"):
        every.loss(model, every.draw(ROWS))
    for objective in (sampled, one):
        assert torch.isfinite(objective.loss(model, objective.draw(ROWS, seeded())))


def test_a_model_is_looked_at_once() -> None:
    objective = DiverseAutoregression(vocabulary=WORDS, offsets=2)
    model, calls = model_for(objective), []
    model.register_forward_hook(lambda *_: calls.append(1))
    for _ in range(3):
        objective.loss(model, objective.draw(ROWS))
    assert len(calls) == 4


def test_documents_are_told_apart_by_their_ends_or_as_given_or_not_at_all() -> None:
    rows = torch.tensor([[5, 2, 6, 7]])
    inside = DiverseAutoregression(vocabulary=WORDS, offsets=1)
    assert inside.draw(rows)["labels"][0, :, 0].tolist() == [2, -100, 7, -100]
    given = inside.draw(rows, documents=torch.tensor([[0, 0, 0, 1]]))["labels"]
    assert given[0, :, 0].tolist() == [2, 6, -100, -100]
    across = DiverseAutoregression(vocabulary=WORDS, offsets=1, within_documents=False)
    assert across.draw(rows)["labels"][0, :, 0].tolist() == [2, 6, 7, -100]


def test_the_mean_over_hidden_tokens_is_the_models_own_loss() -> None:
    objective = MaskedPrediction(vocabulary=WORDS)
    model = model_for(objective)
    batch = objective.draw(ROWS, seeded())
    plain = model(input_ids=batch["input_ids"], labels=batch["labels"]).loss
    assert torch.equal(objective.loss(model, batch), plain)


@pytest.mark.parametrize("masking", [Masking(), Masking(count=BernoulliCount())], ids=["exact", "bernoulli"])
def test_the_bound_weighs_rows_and_divides_by_all_text(masking) -> None:
    objective = MaskedPrediction(vocabulary=WORDS, masking=masking, weighting="elbo")
    model = model_for(objective)
    rows = ROWS.clone()
    rows[0, 6:] = 0
    mask = (rows != 0).long()
    batch = objective.draw(rows, seeded(), attention_mask=mask)
    logits = model(input_ids=batch["input_ids"], attention_mask=mask).logits
    total = 0.0
    for row in range(5):
        targets = batch["labels"][row] != IGNORED
        losses = cross_entropy(logits[row][targets], rows[row][targets], reduction="sum")
        total += float(losses.detach()) * float(batch["loss_weight"][row])
    assert int(objective.items(batch)) == int(mask.sum())
    assert float(objective.loss(model, batch).detach()) == pytest.approx(total / int(mask.sum()), rel=1e-5)


def test_marks_that_the_tokenizer_named_are_not_hidden() -> None:
    special = torch.zeros_like(ROWS)
    special[:, ::2] = 1
    labels = MaskedPrediction(vocabulary=WORDS).draw(ROWS, seeded(), special=special)["labels"]
    assert (labels[:, ::2] == IGNORED).all()
    assert (labels[:, 1::2] != IGNORED).any(dim=1).all()


def test_an_objective_with_heads_says_that_they_are_missing() -> None:
    objective = DiverseAutoregression(vocabulary=WORDS, offsets=2)
    model = make_model(SHAPE, WORDS, bidirectional=False)
    with pytest.raises(InvalidInput, match=r"call objective.attach\(model\)"):
        objective.loss(model, objective.draw(ROWS))


@pytest.mark.parametrize(
    "wrong", [{"offsets": 0}, {"offsets": 2, "weights": (1.0,)}, {"offsets": 2, "weights": (0.0, 0.0)}]
)
def test_offsets_and_weights_that_cannot_be_are_refused(wrong) -> None:
    with pytest.raises(InvalidInput, match="must be"):
        DiverseAutoregression(vocabulary=WORDS, **wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"masking": Masking(ratio=FixedRatio(0.15))},
        {"masking": Masking(ratio=UniformRatio(0.2, 1.0))},
        {"masking": Masking(pattern=SuffixPattern())},
        {"replacement": Replacement.bert()},
    ],
)
def test_a_bound_that_is_none_is_refused(wrong) -> None:
    with pytest.raises(InvalidInput, match="ratios uniform on 0 to 1"):
        MaskedPrediction(vocabulary=WORDS, weighting="elbo", **wrong)


def test_masks_need_a_mask_token() -> None:
    with pytest.raises(InvalidInput, match="needs a mask token"):
        MaskedPrediction(vocabulary=Vocabulary(5))


@pytest.mark.parametrize("estimator", ["all", "sample"])
def test_mixed_precision_is_right_to_its_precision(estimator) -> None:
    objective = DiverseAutoregression(vocabulary=WORDS, offsets=3, estimator=estimator)
    model = model_for(objective)
    batch = objective.draw(ROWS, seeded())
    plain = objective.loss(model, batch)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = objective.loss(model, batch)
    mixed.backward()
    assert float(mixed.detach()) == pytest.approx(float(plain.detach()), rel=0.01)
    assert all(part.grad is not None and torch.isfinite(part.grad).all() for part in model.parameters())
