"""Training on packed rows."""

import pytest

torch = pytest.importorskip("torch", reason="the pretraining extra is not installed")
pytest.importorskip("transformers", reason="the pretraining extra is not installed")

from consilience.ground import InvalidInput  # noqa: E402
from consilience.methods.pretraining_objectives.fitting import train_arm  # noqa: E402
from consilience.methods.pretraining_objectives.objectives import (  # noqa: E402
    DiverseAutoregression,
    MaskedPrediction,
)
from consilience.methods.pretraining_objectives.twins import ModelShape, make_model  # noqa: E402
from consilience.methods.pretraining_objectives.vocabulary import Vocabulary  # noqa: E402

WORDS = Vocabulary(12, special=(0, 1), pad=0, mask=1)
SHAPE = ModelShape(layers=1, width=16, heads=2, window=8)
# Every row counts upwards from some token: all there is to learn is to add one.
ROWS = 2 + (torch.arange(40)[:, None] + torch.arange(8)) % 10
OBJECTIVES = {
    "next": DiverseAutoregression(vocabulary=WORDS, offsets=1),
    "all": DiverseAutoregression(vocabulary=WORDS, offsets=3),
    "sampled": DiverseAutoregression(vocabulary=WORDS, offsets=3, estimator="sample"),
    "masks": MaskedPrediction(vocabulary=WORDS),
}


@pytest.mark.parametrize(("name", "left"), [("next", 0.6), ("all", 0.6), ("sampled", 0.6), ("masks", 0.93)])
def test_every_objective_learns_and_a_seed_says_it_all(name, left) -> None:
    objective = OBJECTIVES[name]
    losses = []
    for _ in range(2):
        model = make_model(SHAPE, WORDS, bidirectional=objective.bidirectional)
        losses.append(train_arm(model, objective, ROWS, steps=60, batch_size=20, learning_rate=1e-2))
    assert losses[0] == losses[1]
    assert sum(losses[0][-5:]) < left * sum(losses[0][:5])


def test_more_rows_in_a_batch_than_there_are_is_refused() -> None:
    model = make_model(SHAPE, WORDS, bidirectional=False)
    with pytest.raises(InvalidInput, match=r"at most the number of rows \(40\); got 41"):
        train_arm(model, OBJECTIVES["next"], ROWS, steps=1, batch_size=41)
