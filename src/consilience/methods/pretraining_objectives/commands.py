"""The room's own verbs: train a model on a text, compare objectives on it, and look at a text's spectrum.

``consilience pretraining-objectives train | compare | spectrum``
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from consilience.ground.late import late_module
from consilience.methods.pretraining_objectives.own_text.request import Layout, Training
from consilience.methods.pretraining_objectives.settings import ObjectiveName, ObjectiveSettings
from consilience.methods.pretraining_objectives.spectrum_verb import spectrum

Pattern = Literal["random", "suffix", "mixture"]


def train(
    *,
    text: Path,
    out: Path,
    objective: ObjectiveName = "variable-mlm",
    model: str | None = None,
    offsets: int = 4,
    estimator: Literal["all", "sample"] = "sample",
    heads: Literal["adapter", "embedding"] = "adapter",
    across_documents: bool = False,
    ratio: str | None = None,
    pattern: Pattern = "random",
    suffix_share: float = 0.5,
    weighting: Literal["token", "elbo"] = "token",
    layout: Layout = "packed",
    window: int = 128,
    vocabulary: int = 4096,
    layers: int = 4,
    width: int = 128,
    attention_heads: int = 4,
    steps: int = 1000,
    batch_size: int = 32,
    accumulate: int = 1,
    learning_rate: float = 1e-3,
    warmup: float = 0.1,
    held_out: float = 0.05,
    save_every: int = 200,
    device: str = "auto",
    seed: int = 0,
    quiet: bool = False,
) -> int:
    """Train a language model on your own text; the same command goes on where an earlier one stopped.

    Parameters
    ----------
    text
        A text file, or a folder of them (.txt, .md, .rst, .py): a document each. A .jsonl file has a document a line,
        in its field "text".
    out
        Folder for the model and its tokenizer, as from_pretrained loads them; what another run left there is never
        replaced. What an unfinished run needs lies in OUT.state beside it.
    objective
        Next token (ar), the next several (diverse-ar), hidden tokens at a fixed share (mlm), or at a share drawn for
        every row (variable-mlm).
    model
        A model to train on, with its tokenizer: a folder, or a name that transformers knows. Without it, byte pairs are
        learned from the text and a small model begins anew. Weights are trained and saved in single precision, whatever
        they were saved in.
    offsets
        For diverse-ar: how many tokens ahead are predicted.
    estimator
        For diverse-ar: all offsets in every step, or one drawn for each row at about the cost of ar.
    heads
        For diverse-ar: what tells the offsets apart.
    across_documents
        For ar and diverse-ar: predict the next document's first tokens too, with which text without a prompt begins.
    ratio
        Share of hidden tokens: 0.15, uniform:0:1, beta:2:5; 0.15 for mlm and uniform:0:1 for variable-mlm.
    pattern
        For variable-mlm: hide any tokens, those after a prefix (suffix), or now one, now the other (mixture).
    suffix_share
        Share of suffixes in a mixture.
    weighting
        For variable-mlm: the mean over hidden tokens, or the bound on the likelihood.
    layout
        Documents laid end to end and cut into rows, or one document a row.
    window
        Tokens of a row.
    vocabulary
        Tokens to learn, at most.
    layers
        Of a new model.
    width
        Features of a token in a new model.
    attention_heads
        Of a new model.
    steps
        Optimiser steps.
    batch_size
        Rows of a batch.
    accumulate
        Batches of a step.
    learning_rate
        Of AdamW, at its highest; 1e-4 or less to go on with a trained model.
    warmup
        Share of the steps in which the learning rate rises; then it falls along a cosine.
    held_out
        Share of the rows, from the end, that are not trained on.
    save_every
        Steps between checkpoints.
    device
        auto, cpu, cuda, cuda:1, mps; one device a process, several processes by torchrun.
    seed
        Root of all randomness.
    quiet
        Report nothing.
    """
    settings = ObjectiveSettings(
        name=objective,
        offsets=offsets,
        estimator=estimator,
        heads=heads,
        within_documents=not across_documents,
        ratio=ratio,
        pattern=pattern,
        suffix_share=suffix_share,
        weighting=weighting,
    )
    request = Training(
        text=text,
        out=out,
        objective=settings,
        model=model,
        layout=layout,
        window=window,
        vocabulary=vocabulary,
        layers=layers,
        width=width,
        heads=attention_heads,
        steps=steps,
        batch_size=batch_size,
        accumulate=accumulate,
        learning_rate=learning_rate,
        warmup=warmup,
        held_out=held_out,
        save_every=save_every,
        device=device,
        seed=seed,
        quiet=quiet,
    )
    training = _heavy("training")
    from consilience.neural.processes import part  # noqa: PLC0415 - loads torch

    status: int = training.train(request)
    part()
    return status


def compare(
    *,
    text: Path,
    out: Path,
    objectives: tuple[ObjectiveName, ...] = ("ar", "diverse-ar", "mlm", "variable-mlm"),
    matched: Literal["steps", "targets"] = "steps",
    offsets: int = 4,
    pattern: Pattern = "random",
    window: int = 128,
    vocabulary: int = 4096,
    layers: int = 4,
    width: int = 128,
    attention_heads: int = 4,
    steps: int = 1000,
    batch_size: int = 32,
    learning_rate: float = 1e-3,
    held_out: float = 0.05,
    device: str = "auto",
    seed: int = 0,
    quiet: bool = False,
    json: bool = False,
) -> int:
    """Train one model an objective on your own text and compare what each gives to the next token after prefixes.

    Parameters
    ----------
    text
        A text file, or a folder of them; as for train.
    out
        Folder for the models, one a subfolder.
    objectives
        Which to compare.
    matched
        As many steps for all, or as many predicted tokens: a model with 15 % of hidden tokens then makes 6.7 times the
        steps.
    offsets
        For diverse-ar: how many tokens ahead are predicted.
    pattern
        For variable-mlm: hide any tokens, those after a prefix (suffix), or now one, now the other (mixture).
    window
        Tokens of a row.
    vocabulary
        Tokens to learn, at most.
    layers
        Of the models.
    width
        Features of a token.
    attention_heads
        Of the models.
    steps
        Optimiser steps of the objective that predicts every token.
    batch_size
        Rows of a batch.
    learning_rate
        Of AdamW, at its highest.
    held_out
        Share of the rows, from the end, that are not trained on; the comparison is on them.
    device
        auto, cpu, cuda, cuda:1, mps; one device a process, several processes by torchrun.
    seed
        Root of all randomness.
    quiet
        Report nothing but the table.
    json
        Print one JSON object in place of the table.
    """
    request = Training(
        text=text,
        out=out,
        objective=ObjectiveSettings(offsets=offsets, pattern=pattern),
        window=window,
        vocabulary=vocabulary,
        layers=layers,
        width=width,
        heads=attention_heads,
        steps=steps,
        batch_size=batch_size,
        learning_rate=learning_rate,
        held_out=held_out,
        device=device,
        seed=seed,
        quiet=quiet,
    )
    comparing = _heavy("comparing")
    from consilience.neural.processes import part  # noqa: PLC0415 - loads torch

    status: int = comparing.compare(request, tuple(objectives), matched=matched, as_json=json)
    part()
    return status


def _heavy(name: Literal["training", "comparing"]) -> Any:
    return late_module(
        f"consilience.methods.pretraining_objectives.own_text.{name}",
        "this needs {missing}; install consilience[pretraining]",
        usually="torch and transformers",
    )


VERBS: Mapping[str, Callable[..., int]] = {"train": train, "compare": compare, "spectrum": spectrum}
"""What ``consilience pretraining-objectives`` can do."""
