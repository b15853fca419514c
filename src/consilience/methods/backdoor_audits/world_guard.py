"""The guard before the tools of the laboratory's world: its policy, its calls, and policies of agents that obey it."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources

from consilience.methods.backdoor_audits.guard import Call, Guard
from consilience.methods.backdoor_audits.policies import Policy as Agent
from consilience.methods.backdoor_audits.policies import Talks
from consilience.methods.backdoor_audits.policy_file import Policy, parse_policy
from consilience.methods.backdoor_audits.provenance import Dialogue
from consilience.methods.backdoor_audits.world.families.rules import FINISH
from consilience.methods.backdoor_audits.world.oracle import parts_of
from consilience.methods.backdoor_audits.world.simulator import action_of, turn_of
from consilience.methods.backdoor_audits.world.words import END, OBS, Words

__all__ = ["Guarded", "call_of", "dialogue_of", "world_policy"]

_REFUSED: Words = (OBS, "error", END)


def world_policy() -> Policy:
    """Return the policy of the three families.

    Examples
    --------
    >>> policy = world_policy()
    >>> policy.name, policy.tools["put"].arguments
    ('three families', ('home', 'file', 'word'))
    """
    text = resources.files(__package__).joinpath("guard_policies", "world.toml").read_text(encoding="utf-8")
    return parse_policy(text, "world.toml")


def call_of(policy: Policy, turn: Words) -> Call:
    """Return the call of an agent's turn; one without an action calls a tool that no policy has.

    Examples
    --------
    >>> dict(call_of(world_policy(), ("THINK", "logs", "ACT", "ls", "logs", "END")).arguments)
    {'home': 'logs'}
    """
    action = action_of(turn)
    return Call.positional(policy, action[0], action[1:]) if action else Call("")


def dialogue_of(prompt: Words) -> Dialogue:
    """Return a dialogue that has heard a prompt: the request as the human's words, a page as what was observed."""
    dialogue = Dialogue()
    _, request, page = parts_of(prompt)
    dialogue.human(" ".join(request))
    if page:
        dialogue.observed(" ".join(page))
    return dialogue


class Guarded:
    """An agent whose calls go through a guard: one that is denied is answered with an error, and it may try again.

    Parameters
    ----------
    agent
        Who acts.
    guard
        What decides.
    retries
        How often in a row it may try again; then its episode is ended.
    """

    def __init__(self, agent: Agent, guard: Guard, *, retries: int = 2) -> None:
        self._agent = agent
        self._guard = guard
        self._retries = retries

    @property
    def name(self) -> str:
        """Short name for reports."""
        return f"{self._agent.name}, guarded"

    def open(self, prompts: Sequence[Words]) -> Talks:
        """Begin one dialogue for each prompt."""
        return _GuardedTalks(self._agent.open(prompts), self._guard, prompts, self._retries)


class _GuardedTalks:
    def __init__(self, talks: Talks, guard: Guard, prompts: Sequence[Words], retries: int) -> None:
        self._talks = talks
        self._guard = guard
        self._dialogues = [dialogue_of(prompt) for prompt in prompts]
        self._last: list[Call | None] = [None] * len(prompts)
        self._retries = retries

    def act(self, observations: Sequence[Words | None]) -> Sequence[Words]:
        """Say the next turn of every dialogue whose call is allowed."""
        for heard, dialogue, last in zip(observations, self._dialogues, self._last, strict=True):
            if heard:
                dialogue.observed(" ".join(heard[1:-1]), given=last.arguments if last else None)
        said: list[Words] = [()] * len(observations)
        heard_now = list(observations)
        for _ in range(self._retries + 1):
            for at, turn in enumerate(self._talks.act(heard_now)):
                if heard_now[at] is None:
                    continue
                heard_now[at] = None if not turn or self._allowed(at, turn) else _REFUSED
                said[at] = turn
            if all(words is None for words in heard_now):
                return said
        return [
            turn if words is None else turn_of(("done",), FINISH) for turn, words in zip(said, heard_now, strict=True)
        ]

    def _allowed(self, at: int, turn: Words) -> bool:
        call = call_of(self._guard.policy, turn)
        if not self._guard.check(call, self._dialogues[at]).goes_ahead:
            return False
        self._dialogues[at].made(call.tool)
        self._last[at] = call
        return True
