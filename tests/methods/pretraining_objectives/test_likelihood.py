"""Losses by layout, bound and pseudo-likelihood, of models whose answers are known."""

from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch", reason="the pretraining extra is not installed")

from torch import Tensor, nn  # noqa: E402

from consilience.ground import InvalidInput  # noqa: E402
from consilience.methods.pretraining_objectives import likelihood  # noqa: E402
from consilience.methods.pretraining_objectives.likelihood import (  # noqa: E402
    Causal,
    Full,
    Tight,
    elbo,
    prefix_losses,
    pseudo_losses,
)
from consilience.methods.pretraining_objectives.vocabulary import Vocabulary  # noqa: E402

MASK = 4
WORDS = Vocabulary(5, special=(MASK,), mask=MASK)
SHARES = torch.tensor([0.1, 0.2, 0.3, 0.4])
ROWS = torch.randint(4, (6, 8), generator=torch.Generator().manual_seed(0))


class Unigram(nn.Module):
    """Answers with the same probabilities everywhere, and would rather say the mask; remembers what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Tensor] = []

    def forward(self, input_ids: Tensor) -> SimpleNamespace:
        self.seen.append(input_ids)
        answer = torch.cat((SHARES.log(), torch.tensor([9.0])))
        return SimpleNamespace(logits=answer.expand(*input_ids.shape, 5))


class Places(nn.Module):
    """Is sure that the token at place p is p modulo 4."""

    def forward(self, input_ids: Tensor) -> SimpleNamespace:
        places = torch.arange(input_ids.shape[1]) % 4
        return SimpleNamespace(logits=50 * nn.functional.one_hot(places, 5).float().expand(*input_ids.shape, 5))


@pytest.mark.parametrize("layout", [Causal(WORDS), Tight(WORDS), Full(WORDS)])
def test_marks_have_no_probability(layout: Causal | Tight) -> None:
    losses = prefix_losses(Unigram(), ROWS, (1, 4, 7), layout)
    assert torch.allclose(losses, -SHARES.log()[ROWS[:, [1, 4, 7]]].T)


def test_marks_are_not_asked_for() -> None:
    rows = ROWS.clone()
    rows[0, 4] = MASK
    assert torch.isfinite(prefix_losses(Unigram(), rows, (5,), Tight(WORDS))).all()
    with pytest.raises(InvalidInput, match=r"rows hold \[4\]"):
        prefix_losses(Unigram(), rows, (4,), Tight(WORDS))
    for judge in (elbo, pseudo_losses):
        with pytest.raises(InvalidInput, match="marks get no probability"):
            judge(Unigram(), rows, WORDS)


def test_layouts_give_what_they_say() -> None:
    given = {}
    for layout in (Causal(WORDS), Tight(WORDS), Full(WORDS)):
        model = Unigram()
        prefix_losses(model, ROWS, (3,), layout)
        given[type(layout)] = model.seen[0]
    assert given[Causal].tolist() == ROWS[:, :3].tolist()
    assert given[Tight][:, :3].tolist() == given[Full][:, :3].tolist() == ROWS[:, :3].tolist()
    assert given[Tight][:, 3:].tolist() == [[MASK]] * 6
    assert given[Full][:, 3:].tolist() == [[MASK] * 5] * 6
    assert ROWS.max() < MASK


def test_long_rows_are_asked_a_few_at_a_time(monkeypatch) -> None:
    whole = prefix_losses(Unigram(), ROWS, (1, 7), Full(WORDS))
    monkeypatch.setattr(likelihood, "PLACES", 2 * ROWS.shape[1])
    model = Unigram()
    assert torch.equal(prefix_losses(model, ROWS, (1, 7), Full(WORDS)), whole)
    assert [len(given) for given in model.seen] == [2] * 6


def test_answers_are_read_where_the_token_belongs() -> None:
    rows = (torch.arange(8) % 4).expand(2, 8)
    assert prefix_losses(Places(), rows, (2, 5), Tight(WORDS)).max() < 1e-6
    assert prefix_losses(Places(), (rows + 1) % 4, (2, 5), Causal(WORDS)).max() > 10
    assert prefix_losses(Places(), rows - 0, (2, 5), Full(WORDS)).max() < 1e-6


def test_the_bound_is_exact_for_independent_tokens() -> None:
    drawing = torch.Generator().manual_seed(1)
    found = elbo(Unigram(), ROWS, WORDS, draws=600, generator=drawing)
    assert torch.allclose(found, -SHARES.log()[ROWS].mean(dim=1), atol=0.03)


def test_the_bound_hides_every_number_of_tokens_equally_often() -> None:
    model = Unigram()
    elbo(model, ROWS, WORDS, draws=8, generator=torch.Generator().manual_seed(0))
    counts = torch.stack([(seen == MASK).sum(dim=1) for seen in model.seen])
    assert torch.sort(counts, dim=0).values.T.tolist() == [[1, 2, 3, 4, 5, 6, 7, 8]] * 6


def test_pseudo_losses_hide_one_token_at_a_time() -> None:
    model = Unigram()
    found = pseudo_losses(model, ROWS, WORDS)
    assert torch.allclose(found, -SHARES.log()[ROWS].mean(dim=1))
    assert [(seen == MASK).nonzero()[0].tolist() for seen in model.seen] == [[0, place] for place in range(8)]
    assert all(int((seen == MASK).sum()) == 6 for seen in model.seen)


def test_bad_requests_are_refused() -> None:
    for lengths in ((), (0,), (8,)):
        with pytest.raises(InvalidInput, match="between 1 and 7"):
            prefix_losses(Unigram(), ROWS, lengths, Causal(WORDS))
    with pytest.raises(InvalidInput, match="`draws`"):
        elbo(Unigram(), ROWS, WORDS, draws=0)
    with pytest.raises(InvalidInput, match="mask token"):
        pseudo_losses(Unigram(), ROWS, Vocabulary(5))
