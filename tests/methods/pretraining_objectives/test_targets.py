"""Where targets lie, against counting by hand."""

import numpy as np
import pytest

from consilience.ground import InvalidInput
from consilience.methods.pretraining_objectives.targets import Ahead, Anywhere, Around, Targets, as_targets, joined

DOCUMENTS = [np.array([0, 1, 2, 1, 3]), np.array([2, 2, 0]), np.array([3])]
SIZE = 4


def _by_hand(weight: object) -> np.ndarray:
    counts = np.zeros((SIZE, SIZE))
    for document in DOCUMENTS:
        for i, context in enumerate(document):
            for j, target in enumerate(document):
                counts[context, target] += weight(i, j, len(document))  # type: ignore[operator]
    return counts


@pytest.mark.parametrize(
    ("targets", "weight"),
    [
        (Ahead(), lambda i, j, _: j - i == 1),
        (Ahead.of(3), lambda i, j, _: 1 <= j - i <= 3),
        (Ahead((2.0, 0.5)), lambda i, j, _: {1: 2.0, 2: 0.5}.get(j - i, 0.0)),
        (Around(2), lambda i, j, _: 1 <= abs(j - i) <= 2),
        (Anywhere(), lambda i, j, length: (i != j) / max(length - 1, 1)),
    ],
    ids=lambda value: value.name if isinstance(value, Targets) else "",
)
def test_counts_are_those_of_a_double_loop(targets: Targets, weight: object) -> None:
    tokens, document = joined(DOCUMENTS)
    assert targets.counts(tokens, document, SIZE).toarray() == pytest.approx(_by_hand(weight))


def test_pairs_do_not_cross_documents() -> None:
    tokens, document = joined([np.array([0]), np.array([1])])
    assert Ahead.of(1).counts(tokens, document, 2).sum() == 0


@pytest.mark.parametrize("targets", [Ahead.of(1), Ahead.of(7), Around(3), Anywhere()])
def test_names_are_read_back(targets: Targets) -> None:
    assert as_targets(targets.name) == targets


def test_effective_numbers_of_targets() -> None:
    assert Ahead.of(4).effective == pytest.approx(4)
    assert Ahead((1.0, 1e-9)).effective == pytest.approx(1)
    assert Around(4).effective == 8
    assert Anywhere().effective == np.inf


@pytest.mark.parametrize("name", ["ahead:0", "ahead", "around:-1", "around:x", "behind:2", "", "anywhere:3"])
def test_unknown_targets_are_refused_with_the_form(name: str) -> None:
    with pytest.raises(InvalidInput, match=r"radius|ahead:K"):
        as_targets(name)


def test_weights_must_be_positive() -> None:
    with pytest.raises(InvalidInput, match="above 0"):
        Ahead((1.0, 0.0))
