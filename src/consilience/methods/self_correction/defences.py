"""Defences as strategies of the loop: what is put before a question, around it, or in place of an answer.

All of them run under the budget, trace and selection of every other strategy, so that they compare at equal calls.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, field
from itertools import takewhile

from consilience.ground.errors import InvalidInput
from consilience.methods.self_correction.calls import Ask
from consilience.methods.self_correction.judges import reads_as_refusal
from consilience.methods.self_correction.message import Message, user
from consilience.methods.self_correction.perturbations import Perturbation, perturbed
from consilience.methods.self_correction.progress import Progress
from consilience.methods.self_correction.prompts import (
    DEMONSTRATIONS,
    REFUSAL,
    REMINDER,
    about_request,
    demonstrated,
    read_safety,
)
from consilience.methods.self_correction.selection import Last, Majority, Select
from consilience.methods.self_correction.stopping import CriticAgrees, MaxRounds, Never, StopRule
from consilience.methods.self_correction.strategies import SingleAnswer, Strategy


@dataclass(frozen=True)
class _Around(Strategy):
    """Another strategy, with something said before it."""

    strategy: Strategy = field(default_factory=SingleAnswer)
    """What is asked beside that."""

    @property
    def reviews(self) -> bool:  # type: ignore[override]  # of the other strategy
        """As the other strategy."""
        return self.strategy.reviews

    @property
    def fails_closed(self) -> bool:  # type: ignore[override]  # of the other strategy
        """As the other strategy."""
        return self.strategy.fails_closed

    @property
    def stop(self) -> StopRule:
        """As the other strategy."""
        return self.strategy.stop

    @property
    def select(self) -> Select:
        """As the other strategy."""
        return self.strategy.select

    async def opening(self, progress: Progress, ask: Ask) -> str | None:
        """As the other strategy."""
        return await self.strategy.opening(progress, ask)

    def instead(self, progress: Progress) -> str | None:
        """As the other strategy."""
        return self.strategy.instead(progress)


@dataclass(frozen=True)
class Reminded(_Around):
    """Self-reminder: a system message that asks for responsible answers, before any other strategy."""

    _: KW_ONLY
    reminder: str = REMINDER
    """What is asked for."""

    def messages(self, progress: Progress) -> list[Message] | None:
        """Return what the other strategy asks, reminded."""
        return _under(self.reminder, self.strategy.messages(progress))


@dataclass(frozen=True)
class Demonstrated(_Around):
    """In-context defence: demonstrations before the question, of what is declined and of what is not."""

    _: KW_ONLY
    demonstrations: tuple[tuple[str, str], ...] = DEMONSTRATIONS
    """Requests and the answers to them."""

    def messages(self, progress: Progress) -> list[Message] | None:
        """Return what the other strategy asks, after the demonstrations."""
        asked = self.strategy.messages(progress)
        if asked is None:
            return None
        system = list(takewhile(lambda message: message["role"] == "system", asked))
        return [*system, *demonstrated(self.demonstrations), *asked[len(system) :]]


@dataclass(frozen=True, kw_only=True)
class SmoothLLM(Strategy):
    """SmoothLLM: several copies of the prompt with characters changed, and an answer that goes with the majority.

    The vote is whether an answer declines, as the published one is. It is a rule of phrases unless given: good enough
    for a vote, and no judge.
    """

    copies: int | None = None
    """How many; None draws until the budget is spent."""
    share: float = 0.1
    """Of the characters that are changed, 0 to 1."""
    how: Perturbation = "swap"
    """In which way."""
    declines: Callable[[str], object] = reads_as_refusal
    """Answers with equal values of this function vote together."""
    seed: int = 0
    """Of the changes."""

    def messages(self, progress: Progress) -> list[Message] | None:
        """Return the question with its last message changed, as long as copies are wanted."""
        copy = len(progress.attempts)
        if copy == self.copies:
            return None
        *before, asked = progress.question
        return [*before, user(perturbed(asked["content"], self.how, self.share, seed=self.seed, copy=copy))]

    @property
    def stop(self) -> StopRule:
        """Never before all copies are answered."""
        return Never()

    @property
    def select(self) -> Select:
        """The first answer of the majority."""
        return Majority(self.declines)


@dataclass(frozen=True, kw_only=True)
class Reflexion(Strategy):
    """Reflexion: each attempt begins afresh, with what the critic said of earlier ones, and not the answers."""

    memory: int = 3
    """How many of the latest reflections are remembered."""

    reviews = True

    def __post_init__(self) -> None:
        """Refuse to remember nothing."""
        if self.memory < 1:
            raise InvalidInput(f"`memory` must be at least 1; got {self.memory}")

    def messages(self, progress: Progress) -> list[Message]:
        """Return the question, under the reflections."""
        said = [attempt.verdict.text for attempt in progress.attempts if attempt.verdict is not None]
        if not said:
            return list(progress.question)
        noted = "\n\n".join(said[-self.memory :])
        under = _under(
            f"What was said of earlier attempts at this:\n<reflections>\n{noted}\n</reflections>",
            list(progress.question),
        )
        return under or []


@dataclass(frozen=True, kw_only=True)
class Rails(Strategy):
    """Rails: a check of the request before it is answered, a check of the answer before it is given, or both.

    What is flagged is declined in fixed words. A request whose check fails is not answered, an answer whose check fails
    is withheld. The check of the answer is the critic's: give it fresh eyes, and a reading that tells when it fails.
    """

    input: bool = True
    """Check the request; a call."""
    output: bool = True
    """Have the critic check the answer; a call where a model does it."""
    refusal: str = REFUSAL
    """What is said instead."""

    def __post_init__(self) -> None:
        """Refuse to guard nothing."""
        if not (self.input or self.output):
            raise InvalidInput("rails must check the request, the answer or both; got neither")

    @property
    def reviews(self) -> bool:  # type: ignore[override]  # only with the rail behind the answer
        """Whether the answer is checked."""
        return self.output

    @property
    def fails_closed(self) -> bool:  # type: ignore[override]  # likewise
        """Whether an answer that could not be checked is withheld."""
        return self.output

    @property
    def stop(self) -> StopRule:
        """When the critic does not object, or at once where it is not asked."""
        return CriticAgrees() if self.output else MaxRounds(0)

    @property
    def select(self) -> Select:
        """What was said last."""
        return Last()

    async def opening(self, progress: Progress, ask: Ask) -> str | None:
        """Have the request checked; return the refusal where it is flagged."""
        if not self.input:
            return None
        said = await ask([user(about_request(progress.question[-1]["content"]))], role="request check")
        return self.refusal if read_safety(said).flagged else None

    def instead(self, progress: Progress) -> str | None:
        """Return the refusal where the critic objected to the answer."""
        return self.refusal if progress.attempts else None

    def messages(self, progress: Progress) -> list[Message]:
        """Return the question."""
        return list(progress.question)


def _under(told: str, asked: list[Message] | None) -> list[Message] | None:
    """Return a conversation under a system message; where it has one, the two are joined."""
    if asked is None:
        return None
    if asked and asked[0]["role"] == "system":
        return [{"role": "system", "content": f"{told}\n\n{asked[0]['content']}"}, *asked[1:]]
    return [{"role": "system", "content": told}, *asked]
