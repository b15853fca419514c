"""Attention against its formula, under masks, and what it may never see."""

import math

import pytest
from jaxtyping import TypeCheckError

torch = pytest.importorskip("torch", reason="the torch extra is not installed")

from consilience.ground import InvalidInput, UnknownName  # noqa: E402
from consilience.neural.attention import Attention, attention_weights, linear_attention  # noqa: E402
from consilience.neural.masks import causal  # noqa: E402
from consilience.neural.weights import initialised  # noqa: E402

BATCH, TOKENS, WIDTH, HEADS = 3, 6, 8, 2


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def attention(kind: str = "softmax", *, bias: bool = True) -> Attention:
    return initialised(0, lambda: Attention(WIDTH, HEADS, kind=kind, bias=bias).double())


def by_hand(model: Attention, tokens: torch.Tensor, allowed: torch.Tensor) -> torch.Tensor:
    """Go through sequences, heads and tokens one at a time."""
    size = WIDTH // HEADS
    out = torch.empty_like(tokens)
    for b in range(len(tokens)):
        for i in range(TOKENS):
            seen = allowed[i].nonzero().flatten()
            parts = []
            for head in range(HEADS):
                own = slice(head * size, (head + 1) * size)
                query = model.query(tokens[b, i])[own]
                scores = model.key(tokens[b, seen])[:, own] @ query / math.sqrt(size)
                weights = scores.softmax(0) if model.kind == "softmax" else scores / len(seen)
                parts.append(weights @ model.value(tokens[b, seen])[:, own])
            out[b, i] = model.output(torch.cat(parts))
    return out


MASKS = {"causal": causal(TOKENS), "chance": (draw(TOKENS, TOKENS) > 0) | torch.eye(TOKENS, dtype=torch.bool)}


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
@pytest.mark.parametrize("kind", ["softmax", "linear"])
def test_it_is_its_formula(kind, mask) -> None:
    model, tokens = attention(kind), draw(BATCH, TOKENS, WIDTH)
    torch.testing.assert_close(model(tokens, mask), by_hand(model, tokens, mask))


@pytest.mark.parametrize("kind", ["softmax", "linear"])
def test_no_mask_is_the_complete_mask(kind) -> None:
    model, tokens = attention(kind), draw(BATCH, TOKENS, WIDTH)
    torch.testing.assert_close(model(tokens), model(tokens, torch.ones(TOKENS, TOKENS, dtype=torch.bool)))


@pytest.mark.parametrize("kind", ["softmax", "linear"])
def test_each_sequence_may_have_its_mask(kind) -> None:
    model, tokens = attention(kind), draw(2, TOKENS, WIDTH)
    together = model(tokens, torch.stack(list(MASKS.values())))
    apart = torch.cat([model(tokens[[b]], mask) for b, mask in enumerate(MASKS.values())])
    torch.testing.assert_close(together, apart)


@pytest.mark.parametrize("kind", ["softmax", "linear"])
def test_what_is_masked_has_no_influence(kind) -> None:
    model, tokens = attention(kind), draw(BATCH, TOKENS, WIDTH)
    changed = tokens.clone()
    changed[:, 4:] = draw(BATCH, 2, WIDTH, seed=1)
    before, after = (model(given, causal(TOKENS)) for given in (tokens, changed))
    assert torch.equal(before[:, :4], after[:, :4])
    assert not torch.allclose(before[:, 4:], after[:, 4:])


def test_weights_are_those_of_the_output() -> None:
    queries, keys, values = (draw(BATCH, HEADS, TOKENS, 4, seed=seed) for seed in range(3))
    weights = attention_weights(queries, keys, MASKS["chance"])
    assert not weights[:, :, ~MASKS["chance"]].any()
    torch.testing.assert_close(weights.sum(dim=-1), torch.ones(BATCH, HEADS, TOKENS, dtype=torch.float64))
    expected = torch.nn.functional.scaled_dot_product_attention(queries, keys, values, attn_mask=MASKS["chance"])
    torch.testing.assert_close(weights @ values, expected)


def test_linear_attention_is_linear_in_keys_and_softmax_is_not() -> None:
    queries, keys, values = (draw(BATCH, HEADS, TOKENS, 4, seed=seed) for seed in range(3))
    once, twice = (linear_attention(queries, factor * keys, values, causal(TOKENS)) for factor in (1, 2))
    torch.testing.assert_close(2 * once, twice)


def test_a_row_without_a_key_is_refused() -> None:
    mask = causal(TOKENS)
    mask[3] = False
    for use in (
        lambda: attention()(draw(1, TOKENS, WIDTH), mask),
        lambda: attention("linear")(draw(1, TOKENS, WIDTH), mask),
    ):
        with pytest.raises(InvalidInput, match="token 3 attends to none"):
            use()
    with pytest.raises(InvalidInput, match="token 3 attends to none"):
        attention_weights(draw(1, 1, TOKENS, 2), draw(1, 1, TOKENS, 2), mask)


def test_bad_settings_are_refused() -> None:
    with pytest.raises(InvalidInput, match="multiple of `heads`; got 8 and 3"):
        Attention(8, 3)
    with pytest.raises((UnknownName, TypeCheckError), match="sotfmax"):
        Attention(8, 2, kind="sotfmax")
