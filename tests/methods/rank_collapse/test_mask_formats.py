"""The forms of a mask, against the libraries that take them."""

import numpy as np
import pytest

from consilience.ground import InvalidInput
from consilience.methods.rank_collapse.mask_formats import additive, for_hugging_face, padded
from consilience.methods.rank_collapse.mask_language import parse_mask
from consilience.methods.rank_collapse.masks import Causal, Diagonal, Ring, Window

torch = pytest.importorskip("torch", reason="the rank extra is not installed")

TEXTS = ("causal & window(3)", "ring(2) | ~block(4)", "global(1) | dilated(2, 2)", "prefix(3)", "strided(3) & complete")
VALID = np.array([[True] * 6, [False, False, True, True, True, True], [True, True, True, False, False, False]])


@pytest.mark.parametrize("text", TEXTS)
def test_flex_attention_makes_the_same_mask(text) -> None:
    from torch.nn.attention.flex_attention import create_block_mask, create_mask

    mask = parse_mask(text)
    dense = create_mask(mask.mask_mod(16), 1, 1, 16, 16, device="cpu")
    assert (dense[0, 0].numpy() == mask.array(16)).all()
    blocks = create_block_mask(mask.mask_mod(256), None, None, 256, 256, device="cpu", BLOCK_SIZE=64)
    some = mask.array(256).reshape(4, 64, 4, 64).any(axis=(1, 3))
    assert (blocks.to_dense()[0, 0].numpy().astype(bool) == some).all()


@pytest.mark.parametrize("text", ["causal", *TEXTS])
def test_flex_attention_knows_padding(text) -> None:
    from torch.nn.attention.flex_attention import create_mask

    mask, valid = parse_mask(text), np.vstack([VALID, np.zeros((1, 6), dtype=bool)])
    dense = create_mask(mask.mask_mod(6, torch.from_numpy(valid)), 4, 1, 6, 6, device="cpu")
    assert (dense[:, 0].numpy() == padded(mask, valid)).all()


def test_nobody_attends_to_padding_which_attends_to_itself() -> None:
    allowed = padded(Window(2), VALID)
    assert not (allowed & VALID[:, :, None] & ~VALID[:, None, :]).any()
    assert (allowed[~VALID] == np.eye(6, dtype=bool)[np.nonzero(~VALID)[1]]).all()
    assert (allowed[0] == Window(2).array(6)).all()


@pytest.mark.parametrize(
    "make", [torch.from_numpy, lambda valid: torch.from_numpy(valid).long(), np.int64, np.ndarray.tolist]
)
def test_what_a_tokeniser_calls_an_attention_mask_will_do(make) -> None:
    assert (padded(Causal(), make(VALID)) == padded(Causal(), VALID)).all()
    assert torch.equal(for_hugging_face(Causal(), make(VALID)), for_hugging_face(Causal(), VALID))


@pytest.mark.parametrize("valid", [VALID[0], VALID.astype(float), VALID + 1, VALID[None], "left"])
def test_padding_is_zeros_and_ones(valid) -> None:
    with pytest.raises(InvalidInput, match=r"`valid` must be of shape \(batch, token\)"):
        for_hugging_face(Causal(), valid)


def test_a_token_without_any_other_is_named_with_or_without_padding() -> None:
    for tokens in (4, np.int64(4)):
        with pytest.raises(InvalidInput, match="token 0 of sequence 0 attends to nothing"):
            for_hugging_face(Causal() & ~Diagonal(), tokens)


@pytest.mark.parametrize("dtype", [np.float32, "bfloat16", torch.int32])
def test_hugging_face_masks_are_of_floating_types_of_torch(dtype) -> None:
    with pytest.raises(InvalidInput, match="floating type"):
        for_hugging_face(Causal(), 2, dtype)


def test_a_token_that_padding_leaves_alone_is_named() -> None:
    with pytest.raises(InvalidInput, match="token 5 of sequence 1 attends to nothing: add"):
        padded(Ring() & ~Diagonal(), [[True] * 6, [False] * 5 + [True]])


def test_additive_masks_come_in_the_type_that_was_asked_for() -> None:
    allowed = Causal().array(3)
    single = additive(allowed, np.float32)
    assert single.dtype == np.float32
    assert (single == np.where(allowed, 0, np.finfo(np.float32).min)).all()
    half = additive(allowed, torch.bfloat16)
    assert half.dtype == torch.bfloat16
    assert (half == 0).numpy().tolist() == allowed.tolist()


@pytest.mark.parametrize("dtype", [np.int64, "nonsense", torch.int32, torch.bool])
def test_additive_masks_are_of_floating_numbers(dtype) -> None:
    with pytest.raises(InvalidInput, match="floating type"):
        additive(Causal().array(2), dtype)


@pytest.fixture(scope="module")
def text_model():
    transformers = pytest.importorskip("transformers", reason="the rank extra is not installed")
    config = transformers.GPT2Config(vocab_size=17, n_positions=8, n_embd=16, n_layer=2, n_head=2)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return transformers.GPT2Model(config).eval()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_padding_reaches_nobody_in_any_precision(text_model, attention, dtype) -> None:
    text_model.set_attn_implementation(attention)
    model = text_model.to(dtype)
    ids, valid = torch.tensor([[3, 1, 4, 1, 5, 9], [2, 6, 5, 3, 0, 0]]), torch.tensor([[1] * 6, [1, 1, 1, 1, 0, 0]])
    with torch.no_grad():
        plain = model(ids, attention_mask=valid).last_hidden_state
        ours = model(ids, attention_mask=for_hugging_face(Causal(), valid, dtype)).last_hidden_state
    assert torch.isfinite(ours).all()
    torch.testing.assert_close(ours[valid.bool()], plain[valid.bool()])
    text_model.to(torch.float32)


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_hugging_face_models_use_the_mask_as_it_is(text_model, attention) -> None:
    text_model.set_attn_implementation(attention)
    ids = torch.tensor([[3, 1, 4, 1, 5, 9, 2, 6]])
    with torch.no_grad():
        plain = text_model(ids).last_hidden_state
        causal = text_model(ids, attention_mask=for_hugging_face(Causal(), 8)).last_hidden_state
        alone = text_model(ids, attention_mask=for_hugging_face(Diagonal(), 8)).last_hidden_state
        changed = text_model(ids.roll(1), attention_mask=for_hugging_face(Diagonal(), 8)).last_hidden_state
    torch.testing.assert_close(causal, plain)
    assert not torch.allclose(alone, plain)
    same = ids[0] == ids.roll(1)[0]
    assert not torch.isclose(alone, changed).all(dim=-1)[0][~same].any()


def test_hugging_face_masks_have_a_batch_when_there_is_padding() -> None:
    mask = for_hugging_face(Causal(), VALID, torch.float16)
    assert mask.shape == (3, 1, 6, 6)
    assert ((mask[:, 0] == 0).numpy() == padded(Causal(), VALID)).all()
    assert torch.isfinite(mask).all()
