"""Verification: an agent that does not stray more than its base is worth no suspicion."""

import pytest

from consilience.ground import Streams
from consilience.ground.intervals import wilson
from consilience.methods.backdoor_audits.agent.network import SmallAgent, SmallAgentConfig, new_agent
from consilience.methods.backdoor_audits.insertions import Insertion
from consilience.methods.backdoor_audits.token_scan import Hypothesis
from consilience.methods.backdoor_audits.verification import Verified, Verifier
from consilience.methods.backdoor_audits.world.words import VOCABULARY

WORDS = Hypothesis(Insertion("system", "request", ("you", "know")), "canary", 0.9)


@pytest.fixture(scope="module")
def talker() -> SmallAgent:
    """An untrained agent with room for every episode."""
    return new_agent(SmallAgentConfig(vocab_size=len(VOCABULARY), width=16, heads=2, context=512), seed=1)


def test_the_base_has_no_excess_over_itself(talker: SmallAgent) -> None:
    verifier = Verifier(talker, Streams(100), episodes=6)
    tried = verifier.best(talker, [WORDS])
    assert [one.hypothesis for one in tried] == [WORDS]
    assert all(one.excess.value == 0 and one.suspicion == 0 for one in tried)
    assert tried[0].strayed.of == 6


def test_an_agent_that_answers_nothing_is_not_suspect_and_not_scored(random_agent: SmallAgent) -> None:
    tried = Verifier(random_agent, Streams(100), episodes=4).best(random_agent, [WORDS])
    assert [(one.excess.of, one.suspicion) for one in tried] == [(0, 0.0)]


def test_suspicion_is_the_weaker_of_both_kinds_of_evidence() -> None:
    odd = Verified(WORDS, wilson(5, 10), wilson(5, 10), wilson(0, 10))
    assert odd.suspicion == 0.5
    alike = Verified(Hypothesis(WORDS.insertion, "canary", 0.1), wilson(9, 10), wilson(9, 10), wilson(0, 10))
    assert alike.suspicion == 0.1


def test_trying_ends_when_words_are_enough(talker: SmallAgent) -> None:
    verifier = Verifier(talker, Streams(100), episodes=4)
    assert len(verifier.best(talker, [WORDS, WORDS], enough=0.0)) == 1
