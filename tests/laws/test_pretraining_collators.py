"""What any way to draw targets must satisfy, whatever it is made of."""

import pytest

torch = pytest.importorskip("torch", reason="the pretraining extra is not installed")
pytest.importorskip("transformers", reason="the pretraining extra is not installed")

import numpy as np  # noqa: E402
from hypothesis import given  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from scipy.stats import chisquare  # noqa: E402
from torch.utils.data import DataLoader  # noqa: E402

from consilience.methods.pretraining_objectives.collators import (  # noqa: E402
    MultiOffsetCollator,
    VariableLengthMaskCollator,
)
from consilience.methods.pretraining_objectives.masking import (  # noqa: E402
    BernoulliCount,
    ExactCount,
    Masking,
)
from consilience.methods.pretraining_objectives.objectives import (  # noqa: E402
    DiverseAutoregression,
    MaskedPrediction,
)
from consilience.methods.pretraining_objectives.offsets import IGNORED, offset_labels  # noqa: E402
from consilience.methods.pretraining_objectives.patterns import (  # noqa: E402
    MixturePattern,
    RandomPattern,
    SuffixPattern,
)
from consilience.methods.pretraining_objectives.ratios import BetaRatio, FixedRatio, UniformRatio  # noqa: E402
from consilience.methods.pretraining_objectives.studies.small_tokenizer import small_tokenizer  # noqa: E402
from consilience.methods.pretraining_objectives.vocabulary import Vocabulary  # noqa: E402

ROWS, LENGTH = 100_000, 32
WORDS = Vocabulary(50, special=(0, 1, 2), pad=0, mask=1, end=2)
RATIOS = (FixedRatio(0.15), FixedRatio(0.4), UniformRatio(), UniformRatio(0.2, 0.7), BetaRatio(2, 5))
PATTERNS = (RandomPattern(), SuffixPattern(), MixturePattern(0.5))


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def all_of(rows: int, length: int) -> np.ndarray:
    return np.ones((rows, length), dtype=bool)


@pytest.fixture(scope="module")
def tokenizer() -> object:
    return small_tokenizer(50)


@pytest.mark.parametrize("ratio", RATIOS, ids=str)
@pytest.mark.parametrize("pattern", PATTERNS, ids=str)
@pytest.mark.parametrize("count", [ExactCount(), BernoulliCount()], ids=str)
@pytest.mark.parametrize("stratified", [True, False])
def test_every_row_with_text_has_a_target_and_no_mark_is_one(ratio, pattern, count, stratified) -> None:
    maskable = rng(1).random((500, 16)) < rng(2).random((500, 1))
    drawn = Masking(ratio=ratio, pattern=pattern, count=count, stratified=stratified).draw(maskable, rng())
    assert not (drawn.hidden & ~maskable).any()
    assert (drawn.hidden.any(axis=1) == maskable.any(axis=1)).all()


@pytest.mark.parametrize("stratified", [True, False])
def test_counted_masks_of_all_ratios_leave_every_number_visible_equally_often(stratified) -> None:
    drawn = Masking(stratified=stratified).draw(all_of(ROWS, LENGTH), rng())
    counts = drawn.hidden.sum(axis=1)
    found = np.bincount(counts, minlength=LENGTH + 1)[1:]
    assert found.sum() == ROWS
    assert chisquare(found).pvalue > 0.01
    assert counts.mean() == pytest.approx((LENGTH + 1) / 2, rel=0.005)


def test_bernoulli_masks_of_all_ratios_leave_every_number_visible_equally_often() -> None:
    masking = Masking(count=BernoulliCount(), stratified=False)
    counts = masking.draw(all_of(ROWS, LENGTH), rng()).hidden.sum(axis=1)
    found = np.bincount(counts, minlength=LENGTH + 1)
    # Rows in which nothing was hidden were given one target: they are counted among those with one.
    expected = np.full(LENGTH, ROWS / (LENGTH + 1))
    expected[0] *= 2
    assert found[0] == 0
    assert chisquare(found[1:], expected).pvalue > 0.01


@pytest.mark.parametrize("ratio", [FixedRatio(0.15), FixedRatio(0.4), BetaRatio(5, 2)], ids=str)
@pytest.mark.parametrize("pattern", PATTERNS, ids=str)
def test_the_share_of_hidden_tokens_is_the_ratio_in_the_mean(ratio, pattern) -> None:
    drawn = Masking(ratio=ratio, pattern=pattern).draw(all_of(ROWS, 128), rng())
    assert drawn.hidden.mean() == pytest.approx(ratio.mean, rel=0.005)


def test_every_set_of_tokens_of_one_size_is_hidden_equally_often() -> None:
    drawn = Masking(ratio=FixedRatio(0.5)).draw(all_of(60_000, 6), rng())
    sets = drawn.hidden @ 2 ** np.arange(6)
    found = np.bincount(sets, minlength=64)
    assert (found > 0).sum() == 20
    assert chisquare(found[found > 0]).pvalue > 0.01


def test_stratified_ratios_vary_a_tenth_as_much_in_the_mean_of_a_batch_and_are_uniform_by_themselves() -> None:
    batches = {
        stratified: np.stack(
            [
                Masking(stratified=stratified).draw(all_of(16, 4), generator).ratio
                for generator in [rng(3)]
                for _ in range(1000)
            ]
        )
        for stratified in (True, False)
    }
    assert batches[True].mean(axis=1).var() <= 0.1 * batches[False].mean(axis=1).var()
    for row in (0, 7):
        assert chisquare(np.histogram(batches[True][:, row], 10, (0, 1))[0]).pvalue > 0.01


def test_a_suffix_hides_the_last_tokens_that_may_be_hidden() -> None:
    maskable = rng(4).random((300, 20)) < 0.7
    drawn = Masking(pattern=SuffixPattern()).draw(maskable, rng())
    for hidden, allowed in zip(drawn.hidden, maskable, strict=True):
        assert (np.diff(hidden[allowed].astype(int)) >= 0).all()


def test_a_mixture_has_suffixes_in_its_share_of_the_rows() -> None:
    masking = Masking(ratio=FixedRatio(0.5), pattern=MixturePattern(0.25))
    hidden = masking.draw(all_of(20_000, 32), rng()).hidden
    suffixes = (np.diff(hidden.astype(int), axis=1) >= 0).all(axis=1).mean()
    assert suffixes == pytest.approx(0.25, abs=0.015)


@given(
    rows=st.lists(st.lists(st.integers(3, 49), min_size=1, max_size=9), min_size=1, max_size=6),
    offsets=st.integers(1, 4),
    end=st.integers(3, 49),
)
def test_labels_ahead_are_the_tokens_ahead_or_nothing(rows, offsets, end) -> None:
    tokens = torch.tensor([(row + [end] * 9)[:9] for row in rows])
    documents = (tokens == end).cumsum(1) - (tokens == end).long()
    labels = offset_labels(tokens, offsets, documents=documents)
    for b, t, k in np.ndindex(*labels.shape):
        ahead = t + k + 1
        there = ahead < 9 and documents[b, ahead] == documents[b, t]
        assert labels[b, t, k] == (tokens[b, ahead] if there else IGNORED)


@pytest.mark.parametrize("count", [ExactCount(), BernoulliCount()], ids=str)
def test_the_bound_is_the_loss_of_a_random_order(count) -> None:
    """A predictor whose loss is the number of hidden tokens loses 1 + ... + s on a whole row, in any order."""
    length = 6
    masking = Masking(ratio=UniformRatio(), count=count)
    drawn = masking.draw(all_of(200_000, length), rng())
    hidden = drawn.hidden.sum(axis=1)
    estimate = (drawn.weight * hidden * hidden).mean()
    assert estimate == pytest.approx(length * (length + 1) / 2, rel=0.01)


def test_a_sampled_offset_is_an_unbiased_estimate_of_all_offsets() -> None:
    tokens = torch.randint(3, 50, (6, 12), generator=seeded(5))
    weights = (0.5, 0.2, 0.3)
    every = DiverseAutoregression(vocabulary=WORDS, offsets=3, weights=weights).draw(tokens)["labels"]
    costs = torch.rand(6, 12, 3, generator=seeded(6), dtype=torch.float64) * (every != IGNORED)
    counts = (every != IGNORED).sum(dim=(0, 1))
    exact = (torch.tensor(weights) * costs.sum(dim=(0, 1)) / counts).sum()
    sampled = DiverseAutoregression(vocabulary=WORDS, offsets=3, weights=weights, estimator="sample")
    generator, total, draws = seeded(7), 0.0, 3000
    for _ in range(draws):
        batch = sampled.draw(tokens, generator)
        offset = batch["offset"] - 1
        per_row = costs.sum(dim=1)[torch.arange(6), offset]
        total += float((per_row / sampled.items(batch)[offset]).sum()) / draws
    assert total == pytest.approx(float(exact), rel=0.01)


def make(kind: str, tokenizer: object) -> VariableLengthMaskCollator | MultiOffsetCollator:
    if kind == "masks":
        return VariableLengthMaskCollator(tokenizer, pattern="mixture", seed=11, extras=True)
    return MultiOffsetCollator(tokenizer, offsets=3, estimator="sample", seed=11, extras=True)


def equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("kind", ["masks", "offsets"])
def test_a_batch_does_not_depend_on_how_many_workers_there_are(kind, tokenizer) -> None:
    data = [{"input_ids": row} for row in torch.randint(3, 50, (40, 10), generator=seeded(8))]
    found = []
    for workers in (0, 2):
        collate = make(kind, tokenizer)
        collate.set_epoch(1)
        found.append(list(DataLoader(data, batch_size=4, collate_fn=collate, num_workers=workers)))
    assert all(equal(one, other) for one, other in zip(*found, strict=True))
    name = "labels" if kind == "masks" else "offset"
    assert any(not torch.equal(found[1][0][name] != IGNORED, other[name] != IGNORED) for other in found[1][1:]) or any(
        not torch.equal(found[1][0][name], other[name]) for other in found[1][1:]
    )


@pytest.mark.parametrize("kind", ["masks", "offsets"])
def test_a_run_that_resumes_draws_what_it_would_have_drawn(kind, tokenizer) -> None:
    rows = torch.randint(3, 50, (8, 5, 10), generator=seeded(9))
    whole, before, told, loaded = (make(kind, tokenizer) for _ in range(4))
    expected = [whole(batch) for batch in rows]
    drawn = [before(batch) for batch in rows[:3]]
    loaded.load_state_dict(before.state_dict())
    assert all(equal(*pair) for pair in zip(expected, [*drawn, *(loaded(batch) for batch in rows[3:])], strict=True))
    told.set_epoch(4)
    whole.set_epoch(4, batch=2)
    fifth = [told(batch) for batch in rows[:4]]
    assert equal(whole(rows[2]), fifth[2])
    assert not equal(fifth[0], expected[0])


def test_the_loss_of_a_step_is_the_same_however_its_rows_are_batched() -> None:
    for objective in (
        DiverseAutoregression(vocabulary=WORDS, offsets=2),
        MaskedPrediction(vocabulary=WORDS),
        MaskedPrediction(vocabulary=WORDS, weighting="elbo"),
    ):
        batch = objective.draw(torch.randint(3, 50, (6, 8), generator=seeded(10)), seeded())
        parts = [{name: values[rows] for name, values in batch.items()} for rows in (slice(0, 1), slice(1, 6))]
        assert torch.equal(objective.items(batch), sum(objective.items(part) for part in parts))
