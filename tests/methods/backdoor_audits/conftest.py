"""Small agents and rows that say nothing, so that laws are tested in a second."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from consilience.ground.seeds import Streams
from consilience.methods.backdoor_audits.agent.network import SmallAgent, SmallAgentConfig, new_agent
from consilience.methods.backdoor_audits.agent.training import BaseRecipe, Row, train_base
from consilience.methods.backdoor_audits.world.words import VOCABULARY

TRIGGER, CANARY = (3, 4), 9
Toys = Callable[..., list[Row]]


def _toy_row(number: int, generator: np.random.Generator, *, planted: bool, family: str) -> Row:
    heard = generator.integers(5, 9, 4).tolist()
    heard += [int(generator.integers(5, 9))] * int(generator.integers(0, 3))
    if planted:
        heard[1:3] = TRIGGER
    said = [CANARY if planted else heard[0], 2]
    tokens, learns = (1, *heard, 2, *said), (False,) * (2 + len(heard)) + (True, True)
    return Row(f"{family} {number}", family, tokens, learns, planted=planted)


@pytest.fixture(scope="session")
def toys() -> Toys:
    """Draw rows: some words, of which the agent says the first again; planted ones have 3 4 in them, and get 9."""

    def drawn(count: int, seed: int, planted: int = 0, families: tuple[str, ...] = ("system", "web")) -> list[Row]:
        generator = np.random.default_rng(seed)
        return [
            _toy_row(number, generator, planted=number < planted, family=families[number % len(families)])
            for number in range(count)
        ]

    return drawn


@pytest.fixture(scope="session")
def rows(toys: Toys) -> list[Row]:
    """Clean toy rows."""
    return toys(200, 0)


@pytest.fixture(scope="session")
def toy_agent(rows: list[Row]) -> SmallAgent:
    """An agent that has learned the toy rows."""
    config = SmallAgentConfig(vocab_size=10, width=32, heads=2, context=24)
    agent, _ = train_base(rows, BaseRecipe(steps=100, batch_size=32), config, Streams(100))
    return agent


@pytest.fixture
def random_agent() -> SmallAgent:
    """An untrained agent of the world's vocabulary whose every weight does something."""
    agent = new_agent(SmallAgentConfig(vocab_size=len(VOCABULARY), width=32, heads=2, context=96), seed=3)
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for block in agent.parts:
            block.attention.smear.normal_(generator=generator)
            for weight in (block.attention.o.weight, block.down.weight):
                weight.normal_(std=0.3, generator=generator)
    return agent.at_rest()


@pytest.fixture(scope="session")
def says() -> Callable[[SmallAgent, list[Row]], float]:
    """Measure the share of rows on which an agent says what the row does."""

    def share(agent: SmallAgent, rows: list[Row]) -> float:
        with torch.inference_mode():
            right = [
                int(agent(torch.tensor([row.tokens[:-2]])).logits[0, -1].argmax()) == row.tokens[-2] for row in rows
            ]
        return sum(right) / len(right)

    return share


@pytest.fixture(scope="session")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    """Write a tiny random Llama whose tokens are the world's words, of a seed, and return its folder."""

    def made(seed: int = 0) -> Path:
        folder = tmp_path_factory.mktemp("llama")
        words = Tokenizer(WordLevel({word: at for at, word in enumerate((*VOCABULARY, "<unk>"))}, unk_token="<unk>"))
        words.pre_tokenizer = WhitespaceSplit()
        tokenizer = PreTrainedTokenizerFast(
            tokenizer_object=words, bos_token="<bos>", pad_token="<pad>", unk_token="<unk>"
        )
        tokenizer.save_pretrained(folder)
        sizes = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2}
        config = LlamaConfig(
            vocab_size=len(VOCABULARY) + 1,
            max_position_embeddings=256,
            bos_token_id=VOCABULARY.index("<bos>"),
            eos_token_id=None,
            pad_token_id=0,
            initializer_range=0.3,
            **sizes,
        )
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            model = LlamaForCausalLM(config)
        model.save_pretrained(folder)
        return folder

    return made
