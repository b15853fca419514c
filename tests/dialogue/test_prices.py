"""Prices are those of the list, and where there is none that is said."""

import genai_prices
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilience.dialogue.estimate import REPLY_TOKENS, Estimate, bound, prompt_tokens
from consilience.dialogue.messages import Message, Question, Settings, Usage
from consilience.dialogue.prices import money, price
from consilience.ground.errors import InvalidInput


@given(
    st.sampled_from(
        ["openai:gpt-4o", "anthropic:claude-sonnet-4-5", "google:gemini-2.5-pro", "deepseek:deepseek-chat"]
    ),
    st.integers(0, 500_000),
    st.integers(0, 50_000),
)
def test_a_price_is_what_the_list_says_for_every_size(name, inputs, outputs):
    provider, model = name.split(":")
    listed = genai_prices.calc_price(
        genai_prices.Usage(input_tokens=inputs, output_tokens=outputs), model, provider_id=provider
    )
    assert price(name, None, Usage(inputs, outputs)) == pytest.approx(float(listed.total_price))
    assert price(model, provider, Usage(inputs, outputs)) == price(name, provider, Usage(inputs, outputs))


@pytest.mark.parametrize("name", ["no-provider", "nobody:gpt-4o", "openai:no-such-model-at-all", "compatible:gpt-4o"])
def test_an_unknown_price_is_none(name):
    assert price(name, None, Usage(1000, 1000)) is None


def test_another_name_of_a_provider_has_its_prices():
    assert price("openai-chat:gpt-4o", None, Usage(1000)) == price("openai:gpt-4o", None, Usage(1000))


@given(st.text(max_size=300), st.integers(0, 5))
def test_the_estimate_is_above_a_token_for_every_four_bytes_and_does_not_depend_on_the_parts(text, cut):
    whole = prompt_tokens((Message("user", (text,)),))
    assert whole >= len(text.encode("utf-8", "surrogatepass")) / 4
    assert prompt_tokens((Message("user", (text[:cut], text[cut:])),)) == whole


def test_a_tokenizer_is_asked_where_there_is_one():
    assert prompt_tokens((Message("user", ("a b", " c")),), lambda text: len(text.split())) == 3 + 4


def test_a_reply_is_as_long_as_it_may_be():
    assert bound(Question("7", ())).output_tokens == REPLY_TOKENS
    assert bound(Question("7", (), Settings(max_tokens=5))).output_tokens == 5


def test_sums_know_when_a_price_is_missing():
    asked = Question("7", (Message("user", ("Hello",)),), Settings(max_tokens=100))
    known, unknown = (Estimate.of([asked], name) for name in ("openai:gpt-4o", "compatible:mine"))
    assert known.usd == pytest.approx(6 * 2.5e-6 + 100 * 10e-6)
    assert (known + unknown).usd is None
    assert (known + known).usd == pytest.approx(2 * known.usd)
    assert Estimate.of_calls(3, Usage(10, 20), "rehearsal:x") == Estimate(calls=3, input_tokens=30, output_tokens=60)


def test_no_fewer_than_no_calls():
    with pytest.raises(InvalidInput, match="calls"):
        Estimate.of_calls(-1, Usage(), "rehearsal:x")


def test_money_in_words() -> None:
    assert [money(usd) for usd in (None, 0.0, 0.00456, 0.999, 2.345)] == [
        "price not known", "$0.00", "$0.0046", "$1", "$2.35",
    ]  # fmt: skip
