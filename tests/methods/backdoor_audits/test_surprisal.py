"""Losses of words are those of the agent itself, whatever stands beside them in a batch."""

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from consilience.ground import InvalidInput
from consilience.methods.backdoor_audits.agent.network import SmallAgent
from consilience.methods.backdoor_audits.agent.training import Row
from consilience.methods.backdoor_audits.surprisal import next_words, own_words, places_of, streams_at, word_losses

ROWS = [[1, 5, 6, 7, 8], [1, 9], [1, 4, 4, 4]]


def test_losses_are_cross_entropies_of_each_row_by_itself(random_agent: SmallAgent) -> None:
    for row, found in zip(ROWS, word_losses(random_agent, ROWS), strict=True):
        with torch.inference_mode():
            alone = random_agent(torch.tensor([row])).logits[0, :-1]
        expected = cross_entropy(alone, torch.tensor(row[1:]), reduction="none")
        np.testing.assert_allclose(found[1:], expected.numpy(), rtol=1e-4, atol=1e-5)
        assert found[0] == 0


def test_own_words_are_those_that_the_agent_learns(random_agent: SmallAgent) -> None:
    row = Row("1", "web", tuple(ROWS[0]), (False, False, True, False, True))
    (found,) = own_words(random_agent, [row])
    np.testing.assert_allclose(found, word_losses(random_agent, [ROWS[0]])[0][[2, 4]])


def test_the_next_word_does_not_depend_on_longer_neighbours(random_agent: SmallAgent) -> None:
    together = next_words(random_agent, ROWS)
    for row, found in zip(ROWS, together, strict=True):
        torch.testing.assert_close(found, next_words(random_agent, [row])[0], rtol=1e-4, atol=1e-5)
    assert torch.allclose(together.exp().sum(dim=1), torch.ones(3), atol=1e-5)


def test_turns_begin_where_others_end() -> None:
    assert places_of(Row("1", "web", (1, 2, 3, 4), (False, True, False, True))) == [1, 3]


def test_an_empty_context_is_refused(random_agent: SmallAgent) -> None:
    with pytest.raises(InvalidInput, match="contexts"):
        streams_at(random_agent, [[]])
