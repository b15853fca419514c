"""The transformer: each part can be taken out, and the order of norm, half and skip is what it says."""

import pytest
from jaxtyping import TypeCheckError

torch = pytest.importorskip("torch", reason="the torch extra is not installed")

from torch import nn  # noqa: E402

from consilience.ground import InvalidInput, UnknownName  # noqa: E402
from consilience.neural.masks import causal  # noqa: E402
from consilience.neural.transformer import Block, Transformer, parameters  # noqa: E402
from consilience.neural.weights import initialised  # noqa: E402

WIDTH = 8


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def build(**settings) -> Transformer:
    return initialised(0, lambda: Transformer(WIDTH, 2, 3, **settings))


def test_a_pre_norm_block_is_its_formula() -> None:
    block, x = initialised(0, lambda: Block(WIDTH, 2, feedforward=16)), draw(2, 5, WIDTH)
    y = x + block.attention(block.attention_norm(x), causal(5))
    torch.testing.assert_close(block(x, causal(5)), y + block.feedforward(block.feedforward_norm(y)))


def test_a_post_norm_block_is_its_formula() -> None:
    block, x = initialised(0, lambda: Block(WIDTH, 2, feedforward=16, norm="post")), draw(2, 5, WIDTH)
    y = block.attention_norm(x + block.attention(x, causal(5)))
    torch.testing.assert_close(block(x, causal(5)), block.feedforward_norm(y + block.feedforward(y)))


def test_without_norm_skip_and_feedforward_attention_alone_is_left() -> None:
    model, x = build(feedforward=None, norm="none", skip=False), draw(2, 5, WIDTH)
    expected = x
    for block in model.blocks:
        expected = block.attention(expected, causal(5))
    torch.testing.assert_close(model(x, causal(5)), expected)


def test_the_depth_is_the_number_of_blocks_and_the_last_norm_belongs_to_pre_norm() -> None:
    assert len(build().blocks) == 3
    x = draw(2, 5, WIDTH)
    out = build()(x)
    torch.testing.assert_close(out.mean(dim=-1), torch.zeros(2, 5), atol=1e-5, rtol=0)
    assert build(norm="none")(x).mean(dim=-1).abs().max() > 1e-2


def test_a_causal_transformer_never_sees_the_future() -> None:
    model, x = build(), draw(2, 6, WIDTH)
    changed = x.clone()
    changed[:, 3:] = draw(2, 3, WIDTH, seed=1)
    assert torch.equal(model(x, causal(6))[:, :3], model(changed, causal(6))[:, :3])
    assert not torch.allclose(model(x)[:, :3], model(changed)[:, :3])


def test_without_a_mask_the_order_of_tokens_does_not_matter() -> None:
    model, x, order = build(), draw(2, 6, WIDTH), torch.randperm(6, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(model(x[:, order]), model(x)[:, order])


def test_parameters_can_be_matched_across_ablations() -> None:
    full = Transformer(WIDTH, 2, 1, feedforward=4 * WIDTH, norm="none")
    assert parameters(full) == 4 * WIDTH**2 + 8 * WIDTH**2 + 5 * WIDTH
    assert parameters(Transformer(WIDTH, 4, 1, norm="none")) == parameters(full)
    assert parameters(Transformer(WIDTH, 2, 1, norm="none", kind="linear")) == parameters(full)
    full.requires_grad_(requires_grad=False)
    assert parameters(full) == 0


def test_the_activation_is_the_callers() -> None:
    assert isinstance(build(activation=nn.ReLU).blocks[0].feedforward.activation, nn.ReLU)


def test_bad_settings_are_refused() -> None:
    with pytest.raises(InvalidInput, match="`depth` must be at least 1; got 0"):
        Transformer(8, 2, 0)
    with pytest.raises(InvalidInput, match="`feedforward` must be at least 1"):
        build(feedforward=0)
    with pytest.raises((UnknownName, TypeCheckError), match="prae"):
        build(norm="prae")
    with pytest.raises((UnknownName, TypeCheckError), match="lineal"):
        build(kind="lineal")
