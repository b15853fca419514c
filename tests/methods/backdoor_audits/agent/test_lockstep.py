import pytest
import torch

from consilience.ground.errors import InvalidInput
from consilience.methods.backdoor_audits.agent.lockstep import LockStep, uncached
from consilience.methods.backdoor_audits.agent.network import SmallAgent

STOP = (3, 4, 5, 6, 7, 8, 9, 10)


def _prompts(count: int) -> list[list[int]]:
    generator = torch.Generator().manual_seed(7)
    return [
        torch.randint(0, 60, (int(torch.randint(1, 20, (1,), generator=generator)),), generator=generator).tolist()
        for _ in range(count)
    ]


def test_talks_that_remember_say_word_for_word_what_is_said_when_all_is_read_anew(random_agent: SmallAgent) -> None:
    heard = _prompts(12)
    talks = LockStep(random_agent, 12)
    told = [[] for _ in heard]
    # Rows fall out and come back in another order, and hear nothing, something or much.
    for rows, news in ((range(12), heard), ([4, 1, 9], [[11, 12], [], [13] * 6]), (list(range(12))[::-1], [[14]] * 12)):
        said = talks.speak(list(rows), news, stop=STOP, limit=9)
        for row, new, answer in zip(rows, news, said, strict=True):
            told[row] += new
            assert answer == uncached(random_agent, told[row], stop=STOP, limit=9)
            told[row] += answer
    assert len({len(one) for one in told}) > 3


def test_logits_are_those_of_the_whole_talk(random_agent: SmallAgent) -> None:
    talks = LockStep(random_agent, 2)
    talks.read([1], [[5, 6, 7]])
    logits = talks.read([0, 1], [[9], [8, 2]])
    torch.testing.assert_close(logits[0], random_agent(torch.tensor([[9]])).logits[0, -1])
    torch.testing.assert_close(logits[1], random_agent(torch.tensor([[5, 6, 7, 8, 2]])).logits[0, -1])


def test_a_talk_may_fill_the_context_beside_shorter_ones_and_not_a_word_more(random_agent: SmallAgent) -> None:
    context = random_agent.config.context
    talks = LockStep(random_agent, 2)
    long, short = [7] * context, [8, 9]
    logits = talks.read([0, 1], [long, short])
    torch.testing.assert_close(logits[0], random_agent(torch.tensor([long])).logits[0, -1])
    torch.testing.assert_close(talks.read([1], [[5]])[0], random_agent(torch.tensor([[8, 9, 5]])).logits[0, -1])
    with pytest.raises(InvalidInput, match="context holds"):
        talks.read([0], [[1]])


def test_a_talk_that_speaks_itself_out_of_the_context_is_told_so(random_agent: SmallAgent) -> None:
    talks = LockStep(random_agent, 1)
    with pytest.raises(InvalidInput, match="outgrew"):
        talks.speak([0], [[7] * (random_agent.config.context - 2)], stop=(), limit=9)


def test_at_most_the_limit_is_said_and_the_stop_is_kept(random_agent: SmallAgent) -> None:
    said = LockStep(random_agent, 1).speak([0], [[1]], stop=(), limit=4)[0]
    assert len(said) == 4
    assert LockStep(random_agent, 1).speak([0], [[1]], stop=said[:1], limit=4) == [said[:1]]


@pytest.mark.parametrize(("rows", "words"), [([], []), ([0, 0], [[1], [2]]), ([0], [[1], [2]]), ([0], [[]])], ids=str)
def test_what_is_heard_must_belong_to_different_talks_and_be_something(random_agent, rows, words) -> None:
    with pytest.raises(InvalidInput, match="expected"):
        LockStep(random_agent, 2).read(rows, words)


def test_there_must_be_a_talk_and_room_for_a_word(random_agent: SmallAgent) -> None:
    with pytest.raises(InvalidInput, match="at least one talk"):
        LockStep(random_agent, 0)
    with pytest.raises(InvalidInput, match="limit"):
        LockStep(random_agent, 1).speak([0], [[1]], stop=(), limit=0)
