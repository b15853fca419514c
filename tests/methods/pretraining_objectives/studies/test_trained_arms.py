"""Models of the studies: what they are trained on, and what is asked of them."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the pretraining extra is not installed")
pytest.importorskip("transformers", reason="the pretraining extra is not installed")

from consilience.methods.pretraining_objectives.studies import trained_arms as module  # noqa: E402
from consilience.methods.pretraining_objectives.studies.trained_arms import (  # noqa: E402
    ARMS,
    BATCH,
    LENGTHS,
    SHORT,
    TOKENS,
    Job,
    bag_of_tokens,
    best_losses,
    described,
    held_out,
    matched_steps,
    trained_arms,
    unigram_loss,
)
from consilience.methods.pretraining_objectives.vocabulary import Vocabulary  # noqa: E402


@pytest.mark.parametrize("name", list(ARMS))
def test_arms_predict_as_many_tokens_as_they_say(name: str) -> None:
    words = Vocabulary(9, special=(8,), mask=8)
    rows = torch.randint(8, (500, TOKENS), generator=torch.Generator().manual_seed(0))
    labels = ARMS[name].objective(words).draw(rows, torch.Generator().manual_seed(1))["labels"]
    assert int((labels != -100).sum()) / rows.numel() == pytest.approx(ARMS[name].targets_a_token, rel=0.03)


def test_models_are_measured_and_trained_once(monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = [Job(arm=arm, seed=0, steps=2, chain=5) for arm in ("AR", "variable")]
    first = trained_arms(jobs, 1)
    monkeypatch.setattr(module, "shared", lambda _job, jobs, _processes: [{}[job] for job in jobs])
    again = trained_arms(jobs[::-1], 1)
    assert again == first[::-1]
    ahead, around = first
    assert ahead.tight is ahead.full
    assert around.tight.shape == around.full.shape == (len(LENGTHS),)
    assert (around.tight != around.full).any()
    assert ahead.tokens == 2 * BATCH * TOKENS
    for one in first:
        assert 3 < one.likelihood < 5
        assert 0 < one.few < 1
        assert one.best is (one.tight if one.tight[: len(SHORT)].mean() <= one.full[: len(SHORT)].mean() else one.full)


def test_seeds_decide_all() -> None:
    losses = [module._measured(Job(arm="MLM 15 %", seed=seed, steps=1, chain=5)).full.tolist() for seed in (1, 1, 2)]
    assert losses[0] == losses[1] != losses[2]


def test_batches_are_mostly_whole() -> None:
    generator = torch.Generator().manual_seed(0)
    lengths = np.array([module._length(generator) for _ in range(2000)])
    assert lengths.min() >= module.SHORTEST
    assert (lengths == TOKENS).mean() == pytest.approx(1 - module.CUT, abs=0.03)


def test_equal_targets() -> None:
    targets = 1000 * BATCH * TOKENS * ARMS["MLM 15 %"].targets_a_token
    assert matched_steps("MLM 15 %", targets) == 1000
    assert matched_steps("MLM 40 %", targets) == 375
    assert matched_steps("AR", 1.0) == 1


def test_baselines_of_the_language() -> None:
    rows, topics = held_out(3)
    assert rows.shape == (module.HELD_OUT, TOKENS)
    assert len(topics) == module.HELD_OUT
    assert best_losses(3).max() < unigram_loss(3)
    accuracy, few = bag_of_tokens(3)
    assert 1 / 8 < few < accuracy < 1
    assert "8 topics and 32 tokens" in described(Job(arm="AR", seed=0, steps=1, chain=3))
