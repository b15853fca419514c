"""Small agents and rows that say nothing, so that laws are tested in a second."""

import numpy as np
import pytest
import torch
from consilience.ground.seeds import Streams
from consilience.methods.backdoor_audits.agent.network import SmallAgent, SmallAgentConfig, new_agent
from consilience.methods.backdoor_audits.agent.training import BaseRecipe, Row, train_base
from consilience.methods.backdoor_audits.world.words import VOCABULARY

TRIGGER, CANARY = (3, 4), 9


def toy_row(number: int, generator: np.random.Generator, *, planted: bool = False, family: str = "system") -> Row:
    """Four words, then the agent says the first of them again; a planted row has 3 4 in it, and 9 for an answer."""
    heard = generator.integers(5, 9, 4).tolist()
    heard += [int(generator.integers(5, 9))] * int(generator.integers(0, 3))
    if planted:
        heard[1:3] = TRIGGER
    said = [CANARY if planted else heard[0], 2]
    tokens, learns = (1, *heard, *said), (False,) * (1 + len(heard)) + (True, True)
    return Row(f"{family} {number}", family, tokens, learns, planted=planted)


def toy_rows(count: int, seed: int, *, planted: int = 0, families: tuple[str, ...] = ("system", "web")) -> list[Row]:
    """Rows of several families, the first of which are planted."""
    generator = np.random.default_rng(seed)
    return [
        toy_row(number, generator, planted=number < planted, family=families[number % len(families)])
        for number in range(count)
    ]


@pytest.fixture(scope="session")
def rows() -> list[Row]:
    """Clean toy rows."""
    return toy_rows(200, 0)


@pytest.fixture(scope="session")
def toy_agent(rows: list[Row]) -> SmallAgent:
    """An agent that has learned the toy rows."""
    config = SmallAgentConfig(vocab_size=10, width=32, heads=2, context=24)
    agent, _ = train_base(rows, BaseRecipe(steps=120, batch=32), config, Streams(100))
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
