"""Evaluation: log-probabilities token by token, a divergence that is nought at the reference, rules on generations."""

import copy
import math

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the preferences extra is not installed")
pytest.importorskip("trl", reason="the preferences extra is not installed")

from peft import LoraConfig, get_peft_model  # noqa: E402

from consilience.ground.errors import InvalidInput  # noqa: E402
from consilience.methods.decorrelated_preferences.evaluation import (  # noqa: E402
    Preferences,
    answer_log_probs,
    generations,
    kl_to_reference,
    preferences,
    rule_rate,
)
from consilience.methods.decorrelated_preferences.studies import sorting  # noqa: E402

SHAPE = sorting.Shape(width=16, layers=2, feedforward=24, heads=2)
POLICY, REFERENCE = sorting.model(0, SHAPE), sorting.model(1, SHAPE)
TOKENIZER = sorting.digit_tokenizer()
PROMPTS = ["314159>", "271828>", "112358>"]


def batch() -> dict[str, torch.Tensor]:
    ids = torch.tensor([[6, 4, 2, 4, 6, 1], [5, 2, 5, 1, 0, 0]])
    return {
        "input_ids": ids,
        "attention_mask": (ids != 0).long(),
        "completion_mask": torch.tensor([[0, 0, 0, 1, 1, 1], [0, 0, 1, 1, 0, 0]]),
    }


def test_the_log_probability_of_an_answer_is_the_sum_over_its_tokens() -> None:
    found = answer_log_probs(POLICY, batch())
    with torch.no_grad():
        logits = POLICY(input_ids=torch.tensor([[5, 2, 5, 1]])).logits[0].log_softmax(-1)
    assert float(found[1]) == pytest.approx(float(logits[1, 5] + logits[2, 1]), abs=1e-4)


def test_a_policy_that_is_its_reference_prefers_nothing() -> None:
    found = preferences(POLICY, copy.deepcopy(POLICY), [batch(), batch()])
    assert (found.accuracy, found.margin, found.displacement) == (0, 0, 0)
    assert found.loss == pytest.approx(math.log(2))


def test_margins_accuracy_and_displacement_are_of_log_ratios() -> None:
    found = Preferences(chosen=torch.tensor([1.0, -2.0]), rejected=torch.tensor([0.0, -1.0]), beta=0.1)
    assert (found.accuracy, found.margin, found.displacement) == (0.5, 0.0, -0.5)


def test_the_divergence_is_nought_from_itself_and_that_of_the_log_ratios_otherwise() -> None:
    how = {"tokens": 4, "seed": 0}
    assert kl_to_reference(POLICY, copy.deepcopy(POLICY), TOKENIZER, PROMPTS, **how) == pytest.approx(0, abs=1e-6)
    many = PROMPTS * 200
    found = kl_to_reference(POLICY, REFERENCE, TOKENIZER, many, **how, batch_size=600)
    sampled = generations(POLICY, TOKENIZER, many, tokens=4, seed=1, batch_size=600)
    ratios = []
    for prompt, answer in zip(many, sampled, strict=True):
        asked = TOKENIZER(prompt)["input_ids"]
        said = TOKENIZER(answer)["input_ids"]
        said = said if len(said) == 4 else [*said, 1]
        ids = torch.tensor([asked + said])
        mask = torch.tensor([[0] * len(asked) + [1] * len(said)])
        one = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "completion_mask": mask}
        ratios.append(float(answer_log_probs(POLICY, one) - answer_log_probs(REFERENCE, one)))
    error = np.std(ratios) / len(ratios) ** 0.5
    assert abs(found - np.mean(ratios)) < 4 * error + 0.02


def test_a_prompt_may_hold_the_token_that_also_pads() -> None:
    tokenizer = sorting.digit_tokenizer()
    tokenizer.pad_token = tokenizer.eos_token
    asked, how = ["31<eos>41>", "2<eos>718281>"], {"tokens": 3, "seed": 0, "batch_size": 1}
    found = [kl_to_reference(POLICY, REFERENCE, tokenizer, [one], **how) for one in asked]
    by_hand = []
    for one in asked:
        ids = tokenizer(one, return_tensors="pt")["input_ids"]
        said = generations(POLICY, tokenizer, [one], tokens=3, seed=0)[0]
        whole = torch.cat([ids, tokenizer(said, return_tensors="pt")["input_ids"]], dim=1)
        steps = min(3, len(said) + 1)
        with torch.no_grad():
            first, second = (
                model(input_ids=whole).logits[0].log_softmax(-1)[ids.shape[1] - 1 :][:steps]
                for model in (POLICY, REFERENCE)
            )
        by_hand.append(float((first.exp() * (first - second)).sum()))
    assert found == pytest.approx(by_hand, abs=1e-5)


def test_prompts_of_different_lengths_are_answered_as_if_alone() -> None:
    asked = ["314159>", "21>"]
    together = generations(POLICY, TOKENIZER, asked, tokens=3)
    assert together == [generations(POLICY, TOKENIZER, [one], tokens=3)[0] for one in asked]
    assert all(len(answer) <= 3 and " " not in answer for answer in together)


def test_sampling_is_seeded_and_leaves_the_global_generator_alone() -> None:
    before = torch.get_rng_state()
    one, same, other = (generations(POLICY, TOKENIZER, PROMPTS, tokens=6, seed=seed) for seed in (0, 0, 1))
    assert one == same != other
    assert torch.equal(before, torch.get_rng_state())


# peft asks transformers for a name that is going away.
@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")
def test_settings_of_generation_elsewhere_do_not_bend_what_the_policy_samples() -> None:
    policy, how = copy.deepcopy(POLICY), {"tokens": 6, "seed": 0}
    plain = kl_to_reference(policy, REFERENCE, TOKENIZER, PROMPTS, **how)
    greedy = generations(policy, TOKENIZER, PROMPTS, tokens=6)
    policy.generation_config.update(do_sample=True, repetition_penalty=5.0, min_p=0.5, suppress_tokens=[3, 4, 5])
    kept = policy.generation_config
    assert kl_to_reference(policy, REFERENCE, TOKENIZER, PROMPTS, **how) == plain
    assert generations(policy, TOKENIZER, PROMPTS, tokens=6) == greedy
    assert policy.generation_config is kept
    adapted = get_peft_model(policy, LoraConfig(r=2, target_modules=["up_proj"]))
    assert kl_to_reference(adapted, REFERENCE, TOKENIZER, PROMPTS, **how) == pytest.approx(plain, abs=1e-6)
    assert policy.generation_config is kept
    assert kept.repetition_penalty == 5.0


def test_rules_are_told_prompt_and_answer() -> None:
    assert rule_rate(["113459", "1"], PROMPTS[:2], sorting.follows_rule) == 0.5
    with pytest.raises(InvalidInput, match="got none"):
        rule_rate([], [], sorting.follows_rule)
