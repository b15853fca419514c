"""Strategies: what the model is asked next, given what it answered and what the critic said.

Each is a pure function from progress to messages. All run in the same loop, so that stop rules, selection, budget and
trace mean the same for each, and strategies compare at equal calls.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from consilience.ground.errors import InvalidInput
from consilience.methods.self_correction.calls import Ask
from consilience.methods.self_correction.message import Message, assistant, user
from consilience.methods.self_correction.progress import Progress
from consilience.methods.self_correction.selection import Best, Last, Majority, Select
from consilience.methods.self_correction.stopping import CriticAgrees, MaxRounds, Never, Repeat, StopRule


class Strategy(ABC):
    """What is asked for each answer."""

    reviews = False
    """Whether what is asked depends on the critic's word on the last answer."""
    fails_closed = False
    """Whether an answer that nobody came to look at is withheld, and `instead` said."""

    @abstractmethod
    def messages(self, progress: Progress) -> list[Message] | None:
        """Return the conversation that the next answer is asked in, or None when there is nothing left to ask."""

    async def opening(self, progress: Progress, ask: Ask) -> str | None:  # noqa: ARG002  most ask nothing before
        """Return what is said in place of any answer, before one is asked for; None to go on. May ask the model."""
        return None

    def instead(self, progress: Progress) -> str | None:  # noqa: ARG002  most say nothing themselves
        """Return what is said in place of the next answer, without asking for it; None to ask."""
        return None

    @property
    def stop(self) -> StopRule:
        """When to stop, unless told otherwise."""
        return CriticAgrees() | Repeat() | MaxRounds(3)

    @property
    def select(self) -> Select:
        """Which answer to return, unless told otherwise."""
        return Last()


@dataclass(frozen=True, kw_only=True)
class CheckingAsContext(Strategy):
    """Checking as context: answer, check, and the same question again, all in one conversation.

    Round k costs a call for the check, where a model makes it, and one for the answer: 2k + 1 in all. The published
    form is ``stop=MaxRounds(k)`` with ``SelfCritic(read=unread)``: it ends after k rounds whatever the check says, and
    returns the last answer. With ``SelfCritic(eyes="fresh")`` the check is made outside of the conversation and its
    words are brought back into it.
    """

    check: str = "Check the answer above."
    """What stands in the conversation as the request to check where the critic was not asked there."""

    reviews = True

    def messages(self, progress: Progress) -> list[Message]:
        """Return the whole conversation so far, and the question again."""
        chat = list(progress.question)
        for attempt in progress.attempts:
            check, found = self.check, ""
            if attempt.verdict is not None:
                check, found = attempt.verdict.prompt or self.check, attempt.verdict.text
            chat += [assistant(attempt.answer), user(check), assistant(found), progress.question[-1]]
        return chat


@dataclass(frozen=True, kw_only=True)
class SelfRefine(Strategy):
    """Self-Refine: answer, feedback, and a better answer in the light of all feedback so far."""

    improve: str = "Improve the answer in the light of this feedback. Reply with the answer alone."
    """What is asked below the feedback."""

    reviews = True

    def messages(self, progress: Progress) -> list[Message]:
        """Return the question, and each answer with the feedback on it."""
        chat = list(progress.question)
        for attempt in progress.attempts:
            found = "" if attempt.verdict is None else attempt.verdict.text
            chat += [assistant(attempt.answer), user(f"<feedback>\n{found}\n</feedback>\n\n{self.improve}")]
        return chat


@dataclass(frozen=True)
class _Samples(Strategy):
    """Independent answers to the same question."""

    answers: int | None = None
    """How many; None draws until the budget is spent."""

    def __post_init__(self) -> None:
        """Refuse fewer than one answer."""
        if self.answers is not None and self.answers < 1:
            raise InvalidInput(f"`answers` must be at least 1; got {self.answers}")

    def messages(self, progress: Progress) -> list[Message] | None:
        """Return the question, as long as answers are wanted."""
        return None if len(progress.attempts) == self.answers else list(progress.question)

    @property
    def stop(self) -> StopRule:
        """Never before all answers are there."""
        return Never()


@dataclass(frozen=True)
class BestOfN(_Samples):
    """Best of n: independent answers, and the one that the critic rates highest; two calls each with a model's rating.

    The model must draw its answers at random: one that always says the same gains nothing.
    """

    @property
    def select(self) -> Select:
        """The highest score."""
        return Best()


@dataclass(frozen=True)
class Vote(_Samples):
    """Vote: independent answers, and the most frequent one; a call each, and no critic.

    The model must draw its answers at random, and equal answers must read alike: see `Majority`.
    """

    @property
    def select(self) -> Select:
        """The most frequent."""
        return Majority()


@dataclass(frozen=True)
class SingleAnswer(_Samples):
    """One answer and nothing else: the baseline of all strategies."""

    answers: int | None = 1
    """One."""
