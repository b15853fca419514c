"""Means: what a run of agents may cost, how fast it may go and where it runs; they may be others every time."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from consilience.dialogue.budget import Budget, BudgetExhausted, Purse
from consilience.dialogue.history import RunFacts
from consilience.dialogue.limits import Limits
from consilience.dialogue.messages import Usage
from consilience.dialogue.prices import price
from consilience.dialogue.retrying import Retry
from consilience.ground import STRICT, Count
from consilience.ground.errors import InvalidInput

__all__ = ["Means"]

_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_TYPED = (
    "budget_usd", "budget_tokens", "budget_calls", "requests_per_minute", "tokens_per_minute", "concurrency",
    "timeout_s", "attempts",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Means:
    """What a run may cost and how fast it may go."""

    budget_usd: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    """Money that the run may cost, that of earlier sittings included."""
    budget_tokens: Annotated[int, Field(ge=0)] | None = None
    """Tokens of questions and replies, likewise."""
    budget_calls: Annotated[int, Field(ge=0)] | None = None
    """Times that a question is sent, likewise."""
    budget_wall_s: _Positive | None = None
    """Seconds that this sitting may take."""
    requests_per_minute: _Positive | None = None
    """Limit of the provider."""
    tokens_per_minute: _Positive | None = None
    """Limit of the provider."""
    concurrency: Count | None = None
    """Calls under way at once."""
    timeout_s: _Positive = 120.0
    """Seconds for one reply."""
    attempts: Count = 6
    """Times that a question is sent before its element fails."""
    engine: Literal["local", "ray"] = "local"
    """Where the agents run: in this process, or shared among processes by Ray, over a journal in PostgreSQL."""
    parts: Count | None = None
    """Of the engine ray: processes; one for each processor if left out."""
    ray_address: str | None = None
    """Of the engine ray: a cluster that runs already, such as auto or 10.0.0.1:6379; else one is started here."""
    journal: str | None = None
    """Where replies are kept: a file, or postgresql+psycopg://...; the run folder's own file if left out. A password
    is not written down: set PGPASSWORD."""

    @classmethod
    def typed(cls, flags: Any) -> Means:
        """Return the means of a verb that has only some of these settings as flags: those that ask from one process."""
        return cls(**{name: getattr(flags, name) for name in _TYPED})

    @property
    def budget(self) -> Budget:
        """What may be spent in all."""
        return Budget(
            calls=self.budget_calls, tokens=self.budget_tokens, usd=self.budget_usd, wall_s=self.budget_wall_s
        )

    @property
    def limits(self) -> Limits:
        """What the provider lets through."""
        return Limits(
            requests_per_minute=self.requests_per_minute,
            tokens_per_minute=self.tokens_per_minute,
            concurrency=self.concurrency,
        )

    @property
    def retry(self) -> Retry:
        """What to do when a call fails."""
        return Retry(attempts=self.attempts)

    def require_price(self, model: str, called: str) -> None:
        """Refuse a budget of money for whom no price is known: nothing would be taken from it.

        Parameters
        ----------
        model
            Who answers, by the name that a journal knows.
        called
            The same as whoever reads the complaint knows it.

        Raises
        ------
        InvalidInput
            When there is such a budget and no price.
        """
        if self.budget_usd is not None and price(model, None, Usage()) is None:
            raise InvalidInput(
                f"--budget-usd needs the price of {called}, which is not known; give --budget-tokens or --budget-calls"
            )

    def purse(self, spent: RunFacts | None) -> Purse:
        """Return a purse from which is taken what earlier sittings spent."""
        purse = Purse(self.budget)
        calls, tokens, usd = _gone(spent)
        if calls and purse.capped:
            with suppress(BudgetExhausted):  # the first question that would have to be sent says so
                purse.reserve(0).settle(Usage(tokens, 0, usd))
                for _ in range(calls - 1):
                    purse.reserve(0).settle(Usage())
        return purse

    def left(self, spent: RunFacts | None) -> Budget:
        """Return what earlier sittings left of the budget, to be shared out."""
        gone = dict(zip(("calls", "tokens", "usd"), _gone(spent), strict=True))
        caps = {name: getattr(self.budget, name) for name in gone}
        return replace(self.budget, **{name: max(0, cap - gone[name]) for name, cap in caps.items() if cap is not None})


def _gone(spent: RunFacts | None) -> tuple[int, int, float]:
    """Return calls, tokens and dollars of earlier sittings, those of attempts that left no reply included."""
    if spent is None:
        return 0, 0, 0.0
    tokens = spent.input_tokens + spent.output_tokens + spent.unanswered_tokens
    return spent.calls + spent.unanswered, tokens, spent.usd + spent.unanswered_usd
