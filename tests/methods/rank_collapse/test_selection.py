"""Which modules are looked at, and where their tokens are."""

from collections import OrderedDict
from dataclasses import dataclass

import jaxtyping
import pytest
import torch
from torch import Tensor, nn

from consilience.ground import InvalidInput
from consilience.methods.rank_collapse.selection import (
    attention_weights,
    blocks,
    matches,
    selected,
    stack_of,
    token_batch,
)


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attn, self.mlp = nn.Linear(4, 4), nn.Sequential(nn.Linear(4, 4), nn.ReLU())


class Body(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.wte = nn.Embedding(5, 4)
        self.h = nn.ModuleList(Block() for _ in range(12))


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.transformer, self.lm_head = Body(), nn.Linear(4, 5)


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        ("*.h.*", "transformer.h.11", True),
        ("*.h.*", "h.3", True),
        ("*.h.*", "transformer.h.3.attn", False),
        ("*.h.*", "model.transformer.h.3", False),
        ("**.h.*", "model.transformer.h.3", True),
        ("**", "anything.at.all", True),
        ("h.1?", "h.11", True),
        ("h.[02]", "h.1", False),
        ("transformer", "transformer", True),
        ("*", "", True),
    ],
)
def test_a_star_stays_between_dots(pattern: str, name: str, fits: bool) -> None:
    assert matches(pattern, name) is fits


def test_patterns_and_classes_may_be_mixed() -> None:
    model = Model()
    assert list(selected(model, "*.h.1*")) == ["transformer.h.1", "transformer.h.10", "transformer.h.11"]
    assert list(selected(model, nn.Embedding)) == ["transformer.wte"]
    assert list(selected(model, ["lm_head", nn.Embedding])) == ["transformer.wte", "lm_head"]
    assert list(selected(model, Model)) == [""]


def test_blocks_are_found() -> None:
    assert blocks(Model()) == [f"transformer.h.{place}" for place in range(12)]
    assert list(selected(nn.Transformer(8, 2, 1, 2, 8, batch_first=True))) == [
        "encoder.layers.0",
        "decoder.layers.0",
        "decoder.layers.1",
    ]


def test_a_model_without_blocks_is_told_so() -> None:
    with pytest.raises(InvalidInput, match="no list of blocks was found"):
        selected(nn.Linear(2, 2))


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ("*.hh.*", r"no layer of the model matches '\*.hh.\*'; near ones are 'transformer.h.\*'"),
        ("lm_heat", "near ones are 'lm_head'"),
        (nn.Conv2d, "no layer of the model matches 'Conv2d'; near ones are "),
    ],
)
def test_a_pattern_that_matches_nothing_names_the_near_ones(layers, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        selected(Model(), layers)


def test_layers_are_modules() -> None:
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        with pytest.raises(InvalidInput, match="patterns and module classes; got <class 'int'>"):
            selected(Model(), [int])
    finally:
        jaxtyping.config.update("jaxtyping_disable", False)


def test_names_are_those_before_compilation() -> None:
    compiled = torch.compile(Model(), backend="eager")
    assert list(selected(compiled, "*.h.0")) == ["transformer.h.0"]
    assert len(selected(compiled)) == 12


@pytest.mark.parametrize(
    ("name", "stack"), [("h.3", "h"), ("a.h.3", "a.h"), ("h.3.attn", "h.*.attn"), ("layer1", "layer1")]
)
def test_a_stack_is_the_list_a_block_is_in(name: str, stack: str) -> None:
    assert stack_of(name) == stack


@dataclass
class Output:
    loss: Tensor | None
    last_hidden_state: Tensor


TOKENS = torch.randn(2, 5, 4)


@pytest.mark.parametrize(
    "output",
    [
        TOKENS,
        (TOKENS, torch.randn(2, 1, 5, 5)),
        [torch.tensor(1.0), TOKENS],
        (torch.arange(6).reshape(1, 2, 3), TOKENS),
        OrderedDict(loss=None, hidden=TOKENS),
        Output(torch.tensor(0.5), TOKENS),
        ((), {"hidden_states": TOKENS}),
    ],
)
def test_tokens_are_found_in_whatever_is_returned(output) -> None:
    assert token_batch(output) is TOKENS


def test_tokens_may_come_first_or_alone() -> None:
    assert token_batch(TOKENS, sequence_first=True).shape == (5, 2, 4)
    assert token_batch(TOKENS[0]).shape == (1, 5, 4)


@pytest.mark.parametrize(
    "output", [torch.ones(3), torch.ones(2, 3, 4, 5), "text", None, torch.arange(6).reshape(1, 2, 3)]
)
def test_what_holds_no_tokens_is_said(output) -> None:
    with pytest.raises(InvalidInput, match="no tensor of tokens; got"):
        token_batch(output)


def test_weights_are_told_from_biases() -> None:
    weights = torch.randn(2, 3, 5, 5).softmax(dim=-1)
    assert attention_weights((TOKENS, torch.randn(1, 3, 5, 5), weights)) is weights
    with pytest.raises(InvalidInput, match="attn_implementation='eager'"):
        attention_weights((TOKENS, torch.randn(1, 3, 5, 5)))
