"""Models of both kinds from one shape."""

import pytest

torch = pytest.importorskip("torch", reason="the pretraining extra is not installed")
transformers = pytest.importorskip("transformers", reason="the pretraining extra is not installed")

from consilience.ground import InvalidInput  # noqa: E402
from consilience.methods.pretraining_objectives.twins import ModelShape, leak, make_model, twin  # noqa: E402
from consilience.methods.pretraining_objectives.vocabulary import Vocabulary  # noqa: E402

WORDS = Vocabulary(30, special=(0, 1, 2), pad=0, mask=1, end=2)
SHAPE = ModelShape(layers=2, width=16, heads=2, window=12)
ROWS = torch.randint(3, 30, (3, 10), generator=torch.Generator().manual_seed(0))


def test_twins_have_the_same_weights_and_see_differently() -> None:
    causal = make_model(SHAPE, WORDS, bidirectional=False, seed=4)
    around = make_model(SHAPE, WORDS, bidirectional=True, seed=4)
    assert causal.state_dict().keys() == around.state_dict().keys()
    assert all(torch.equal(value, around.state_dict()[name]) for name, value in causal.state_dict().items())
    assert leak(causal, ROWS) == 0
    assert leak(around, ROWS) > 1e-4


def test_the_first_token_alone_is_the_same_for_both() -> None:
    causal = make_model(SHAPE, WORDS, bidirectional=False)
    one, other = (model(input_ids=ROWS[:, :1]).logits for model in (causal, twin(causal)))
    torch.testing.assert_close(one, other)


def test_a_twin_of_a_twin_is_the_model() -> None:
    causal = make_model(SHAPE, WORDS, bidirectional=False)
    again = twin(twin(causal, WORDS))
    assert torch.equal(again(input_ids=ROWS).logits, causal(input_ids=ROWS).logits)
    assert twin(causal, WORDS).config.mask_token_id == 1


@pytest.mark.parametrize(
    ("bidirectional", "auto"), [(False, "AutoModelForCausalLM"), (True, "AutoModelForMaskedLM"), (True, "AutoModel")]
)
def test_both_load_by_the_auto_classes(bidirectional, auto, tmp_path) -> None:
    model = make_model(SHAPE, WORDS, bidirectional=bidirectional).eval()
    model.save_pretrained(tmp_path)
    loaded = getattr(transformers, auto).from_pretrained(tmp_path).eval()
    if auto != "AutoModel":
        assert torch.equal(loaded(input_ids=ROWS).logits, model(input_ids=ROWS).logits)
    else:
        assert loaded(input_ids=ROWS).last_hidden_state.shape == (3, 10, 16)


def test_a_causal_model_continues_text() -> None:
    model = make_model(SHAPE, WORDS, bidirectional=False).eval()
    made = model.generate(input_ids=ROWS[:1, :4], attention_mask=torch.ones(1, 4), max_new_tokens=3, do_sample=False)
    assert 4 < made.shape[1] <= 7


def test_a_leak_is_found_in_the_last_place_too_and_training_goes_on() -> None:
    causal = make_model(SHAPE, WORDS, bidirectional=False).train()
    assert leak(causal, ROWS[:, :2]) == 0
    assert causal.training
    with pytest.raises(InvalidInput, match="at least 2 tokens"):
        leak(causal, ROWS[:, :1])


def test_other_models_have_no_twin_and_other_shapes_none() -> None:
    other = transformers.GPT2LMHeadModel(
        transformers.GPT2Config(
            vocab_size=9, n_embd=8, n_layer=1, n_head=2, n_positions=4, bos_token_id=None, eos_token_id=None
        )
    )
    with pytest.raises(InvalidInput, match="LlamaForCausalLM or an EuroBertForMaskedLM; got GPT2LMHeadModel"):
        twin(other)
    with pytest.raises(InvalidInput, match="even multiple of `heads`; got 12 and 4"):
        ModelShape(width=12, heads=4)
    with pytest.raises(InvalidInput, match="every size of a model must be at least 1"):
        ModelShape(layers=0)
