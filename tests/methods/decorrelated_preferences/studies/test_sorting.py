"""The toy: what is asked, what is right, and how many labels are wrong."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the preferences extra is not installed")
pytest.importorskip("trl", reason="the preferences extra is not installed")

from consilience.methods.decorrelated_preferences.studies import sorting  # noqa: E402


def test_chosen_answers_follow_the_rule_but_for_wrong_labels() -> None:
    pairs = sorting.pairs(np.random.default_rng(0), 100, flipped=0.15)
    right = [sorting.follows_rule(row["prompt"], row["chosen"]) for row in pairs]
    wrong = [sorting.follows_rule(row["prompt"], row["rejected"]) for row in pairs]
    assert (sum(right), sum(wrong)) == (85, 15)
    copied = sum(row["prompt"] == row["chosen"] + ">" or row["prompt"] == row["rejected"] + ">" for row in pairs)
    assert 15 <= copied <= 45


def test_no_prompt_is_in_order_already() -> None:
    asked = sorting.prompts(np.random.default_rng(0), 500)
    assert not any((np.diff(row) >= 0).all() or (np.diff(row) <= 0).all() for row in asked)


def test_tokens_go_there_and_back() -> None:
    tokenizer = sorting.digit_tokenizer()
    ids = tokenizer("314159>113459<eos>")["input_ids"]
    assert len(ids) == 14
    assert tokenizer.decode(ids, skip_special_tokens=True) == "314159>113459"


def test_first_weights_depend_on_the_seed_and_nothing_else() -> None:
    before = torch.get_rng_state()
    one, same, other = (sorting.model(seed).lm_head.weight for seed in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert torch.equal(before, torch.get_rng_state())
