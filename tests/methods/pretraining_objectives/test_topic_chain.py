"""The language of known likelihood, against enumeration."""

import numpy as np
import pytest

from consilience.ground import InvalidInput
from consilience.methods.pretraining_objectives.topic_chain import TopicChain

CHAIN = TopicChain.drawn(3, topics=3, tokens=4, concentration=0.5, noise=0.2)


def _by_enumeration(row: np.ndarray) -> np.ndarray:
    """Return the losses of one row from the joint probability of each prefix, summed over topics and both cuts."""
    size = len(CHAIN.partner)

    def probability(prefix: np.ndarray) -> float:
        total = 0.0
        for topic in CHAIN.topics:
            for start in range(2):
                each = 1.0
                for place, token in enumerate(prefix):
                    if (place + start) % 2 == 0:
                        each *= topic[token] if token < size else 0.0
                        continue
                    before = range(size) if place == 0 else [prefix[place - 1]]
                    weights = topic if place == 0 else [1.0]
                    follows = [
                        (1 - CHAIN.noise) * (one < size and CHAIN.partner[one % size] == token)
                        + CHAIN.noise / size * (token >= size)
                        for one in before
                    ]
                    each *= float(np.dot(weights, follows))
                total += each / 2 / len(CHAIN.topics)
        return total

    chances = np.array([1.0] + [probability(row[: length + 1]) for length in range(len(row))])
    return -np.log(chances[1:] / chances[:-1])


def test_losses_are_those_of_the_joint_distribution() -> None:
    rows, _ = CHAIN.rows(12, 6, seed=1)
    assert {int(row[0] >= 4) for row in rows} == {0, 1}
    assert CHAIN.losses(rows) == pytest.approx(np.array([_by_enumeration(row) for row in rows]))


def test_tokens_and_partners_take_turns_and_topics_are_even() -> None:
    rows, topics = CHAIN.rows(3000, 7, seed=0)
    assert rows.shape == (3000, 7)
    kinds = rows >= 4
    assert (kinds[:, 1:] != kinds[:, :-1]).all()
    assert np.bincount(topics) / 3000 == pytest.approx(np.full(3, 1 / 3), abs=0.04)
    followed = (CHAIN.partner[rows[kinds[:, 1]][:, 0]] == rows[kinds[:, 1]][:, 1]).mean()
    assert followed == pytest.approx(0.8 + 0.2 / 4, abs=0.03)


def test_the_unigram_loss_is_the_entropy_of_what_occurs() -> None:
    rows, _ = CHAIN.rows(40_000, 8, seed=5)
    often = np.bincount(rows.ravel(), minlength=CHAIN.size) / rows.size
    assert CHAIN.unigram_loss() == pytest.approx(-(often * np.log(often)).sum(), abs=0.01)
    assert CHAIN.losses(rows).mean() < CHAIN.unigram_loss()


def test_rows_repeat_with_their_seed() -> None:
    first, again, other = (CHAIN.rows(5, 9, seed)[0].tolist() for seed in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize("change", [{"topics": 1}, {"tokens": 1}, {"concentration": 0.0}, {"noise": 1.5}])
def test_bad_numbers_are_refused(change: dict[str, float]) -> None:
    with pytest.raises(InvalidInput, match="at least 2 topics"):
        TopicChain.drawn(0, **change)
