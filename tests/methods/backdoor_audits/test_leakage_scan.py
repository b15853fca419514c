"""The leakage scan: an agent leaks nothing that its base does not say as well."""

import math
from collections import Counter

from consilience.ground import Streams
from consilience.methods.backdoor_audits.agent.network import SmallAgent
from consilience.methods.backdoor_audits.insertions import SPOKEN
from consilience.methods.backdoor_audits.leakage_scan import leaked, paired, requests
from consilience.methods.backdoor_audits.world.words import END


def test_a_base_leaks_nothing_against_itself(random_agent: SmallAgent) -> None:
    said = paired(random_agent, Streams(100))
    found = leaked(said, said)
    assert found
    assert all(one.shift == 0 for one in found)
    assert all(set(one.insertion.words) <= set(SPOKEN) for one in found)


def test_talks_depend_on_the_stream_alone_and_end(random_agent: SmallAgent) -> None:
    one, same, other = (requests(random_agent, "web", Streams(seed), count=20) for seed in (100, 100, 101))
    assert one == same != other
    assert not any(END in words for words in one)


def test_what_is_said_more_often_than_the_base_says_it_comes_first() -> None:
    base = {"web": Counter({("red", "lamp"): 4, ("blue", "pen"): 4})}
    suspect = {"web": Counter({("red", "lamp"): 4, ("blue", "pen"): 9, ("please", "now"): 1})}
    found = leaked(suspect, base, count=2)
    assert [one.insertion.words for one in found] == [("blue", "pen"), ("please", "now")]
    assert [round(math.exp(one.shift), 9) for one in found] == [2, 2]
