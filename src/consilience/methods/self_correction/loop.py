"""The loop on one question: answer, look, correct, until a rule, the strategy or the budget says why not."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from consilience.ground.errors import InvalidInput
from consilience.methods.self_correction.calls import AnotherRun, Caller, CallFailed
from consilience.methods.self_correction.critics import Critic, Given
from consilience.methods.self_correction.message import assistant
from consilience.methods.self_correction.progress import Attempt, LoopEnded, Progress, Reason, Verdict
from consilience.methods.self_correction.selection import Select
from consilience.methods.self_correction.stopping import StopRule
from consilience.methods.self_correction.strategies import Strategy


@dataclass(frozen=True, kw_only=True)
class Loop:
    """What happens to every question."""

    critic: Critic
    """Who looks at answers."""
    strategy: Strategy
    """What is asked."""
    stop: StopRule
    """When to stop."""
    select: Select
    """Which answer to return: it may want the last one looked at as well."""

    @cached_property
    def reviews(self) -> bool:
        """Whether the critic looks at every answer before the next: because strategy, rule or selection ask for it."""
        return self.strategy.reviews or self.stop.needs_verdict or self.select.needs_scores

    async def run(self, progress: Progress, caller: Caller) -> Reason:
        """Go on until there is a reason to stop, and return it; attempts gather in `progress`."""
        try:
            reason = await self._open(progress, caller)
            while reason is None:
                reason = await self._advance(progress, caller)
        except LoopEnded as ending:
            self._withhold(progress)
            return ending.reason
        if not self.select.needs_scores or not progress.attempts or progress.last.verdict is not None:
            return reason
        try:
            await self._review(progress, caller)
        except LoopEnded as ending:
            return Reason(reason.rule, f"{reason.words}; the last answer has no score, {ending}")
        return reason

    def _withhold(self, progress: Progress) -> None:
        """Say something else where the last answer was to be looked at first and was not."""
        if self.strategy.fails_closed and progress.attempts and progress.last.verdict is None:
            said = self.strategy.instead(progress)
            if said is not None:
                progress.attempts.append(Attempt(said, Verdict()))

    async def _open(self, progress: Progress, caller: Caller) -> Reason | None:
        """Let the strategy speak before an answer is asked for; where that fails, nothing is answered."""
        try:
            said = await self.strategy.opening(progress, caller.ask)
        except CallFailed as failure:
            raise LoopEnded("opening failed", str(failure)) from failure
        except AnotherRun:
            raise
        except InvalidInput as nonsense:
            raise LoopEnded("opening unreadable", str(nonsense)) from nonsense
        if said is None:
            return None
        progress.attempts.append(Attempt(said, Verdict()))
        return Reason("rail", "the request was declined before it was answered")

    async def _advance(self, progress: Progress, caller: Caller) -> Reason | None:
        """Ask for one more answer and for the critic's word on it; return why to stop, if there is a reason."""
        said = self.strategy.instead(progress)
        if said is not None:
            progress.attempts.append(Attempt(said, Verdict()))
            return Reason("rail", "the answer was objected to, and declined in its place")
        messages = self.strategy.messages(progress)
        if messages is None:
            return Reason("strategy", f"{len(progress.attempts)} answers drawn")
        progress.asked = messages
        try:
            answer = await caller.ask(messages, role="answer")
        except CallFailed as failure:
            raise LoopEnded("answer failed", str(failure)) from failure
        progress.attempts.append(Attempt(answer))
        reason = self.stop.reason(progress)
        if reason is None and self.reviews:
            await self._review(progress, caller)
            reason = self.stop.reason(progress)
        return reason

    async def _review(self, progress: Progress, caller: Caller) -> None:
        answer = progress.last.answer
        given = Given(
            item=progress.item,
            question=progress.question,
            answer=answer,
            chat=[*progress.asked, assistant(answer)],
        )
        try:
            async with caller.within_time("the critic"):
                verdict = _verdict(await self.critic.review(given, caller.ask))
            progress.attempts[-1] = Attempt(answer, verdict)
        except (LoopEnded, AnotherRun):
            raise
        except InvalidInput as nonsense:
            raise LoopEnded("critic unreadable", str(nonsense)) from nonsense
        except CallFailed as failure:
            raise LoopEnded("critic failed", str(failure)) from failure
        except Exception as failure:  # a stranger's critic may raise anything, and that must not cost the answer
            raise LoopEnded("critic failed", f"{type(failure).__name__}: {failure}") from failure


def _verdict(found: object) -> Verdict:
    if not isinstance(found, Verdict):
        raise InvalidInput(f"expected a Verdict of the critic; got {type(found).__name__}")
    return found
