"""The spectral tool looks at a text and names an objective, on which a model is trained; beside it, the next token.

Nothing is trained for the choice: which tokens meet is counted, and a spectrum says what the best features of an
objective would let a probe read. The last lines say how much of that so short a training gets.
"""

from dataclasses import replace

import numpy as np
import torch

from consilience.methods.pretraining_objectives import ObjectiveSettings, Vocabulary, train_arm
from consilience.methods.pretraining_objectives.choosing import make_objective
from consilience.methods.pretraining_objectives.connection import FIRST_TOKENS, LabelledTokens
from consilience.methods.pretraining_objectives.corpus import docstring_corpus
from consilience.methods.pretraining_objectives.own_text.packing import pack
from consilience.methods.pretraining_objectives.probe import Probed, probed
from consilience.methods.pretraining_objectives.twins import ModelShape, make_model

NEXT = "ahead:1"
STEPS = 200

tokens = LabelledTokens.of(docstring_corpus(("asyncio", "email", "logging", "xml")), vocabulary=512, rank=32)
pad, end = tokens.lexicon.size, tokens.lexicon.size + 1
words = Vocabulary(end + 1, special=(pad, end), pad=pad, end=end)
rows = pack([document.tolist() for document in tokens.documents], FIRST_TOKENS, end).rows
beginnings = [document[:FIRST_TOKENS] for document in tokens.documents]


def said(found: Probed) -> str:
    return f"{100 * found.accuracy:5.1f} % of labels read right, {100 * found.few.mean():.1f} % from five a label"


def features(model: torch.nn.Module) -> np.ndarray:
    """Return the mean of the last hidden states of every document's first tokens."""
    with torch.no_grad():
        states = [model(torch.tensor(one[None]), output_hidden_states=True).hidden_states[-1] for one in beginnings]
    return np.array([one[0].mean(dim=0).double().numpy() for one in states])


def trained(targets: str, steps: int = STEPS) -> Probed:
    settings = replace(ObjectiveSettings.of_targets(targets), estimator="all")  # every offset in every step
    objective = make_objective(settings, words)
    shape = ModelShape(layers=1, width=48, heads=4, window=FIRST_TOKENS)
    model = make_model(shape, words, bidirectional=objective.bidirectional)
    if steps:
        train_arm(model, objective, rows, steps=steps, batch_size=16)
    table = features(model.eval())
    return probed(lambda _: table, tokens.folds)


print(f"{len(tokens.documents)} docstrings of four packages; before anything is trained, by counting:")
found = {name: tokens.connection(name) for name in (NEXT, "ahead:2", "ahead:4")}
for name, one in found.items():
    print(f"  {name:<14} bound on a probe's error {one.bound.error_bound:.2f}; {said(one.probed)}")
chosen = min(found, key=lambda name: found[name].bound.error_bound)
print(f"the lowest bound has {chosen}; after {STEPS} steps each, on the same rows in the same order:")
for name in dict.fromkeys((chosen, NEXT)):
    print(f"  {name:<14} {said(trained(name))}")
print(f"  {'untrained':<14} {said(trained(NEXT, 0))}")
print(f"  {'bag of tokens':<14} {said(tokens.baselines()['bag of tokens'])}")
