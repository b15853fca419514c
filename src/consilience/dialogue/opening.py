"""Opening: how a session is opened in whichever process, with a share of what all may spend together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from consilience.dialogue.budget import Budget
from consilience.dialogue.command.means import Means
from consilience.dialogue.connecting import connect
from consilience.dialogue.history import RunFacts
from consilience.dialogue.journal import Journal
from consilience.dialogue.limits import Limits
from consilience.dialogue.players import Player
from consilience.dialogue.retrying import Retry
from consilience.dialogue.session import Session
from consilience.dialogue.transcript import Transcript

__all__ = ["Opening"]


@dataclass(frozen=True, kw_only=True)
class Opening:
    """How a session is opened, in whichever process. It holds no key: those come from the environment of each."""

    model: str
    """Name of who is asked, as `consilience.dialogue.connecting.connect` takes it."""
    journal: str
    """Address of the journal that all share. A password is better left to ``PGPASSWORD`` or ``~/.pgpass``."""
    run: str
    """Name of the run in it."""
    base_url: str | None = None
    """Address of a server for the model."""
    timeout_s: float = 120.0
    """For one reply."""
    budget: Budget = field(default_factory=Budget)
    """What may be spent, by all together."""
    limits: Limits = field(default_factory=Limits)
    """What the provider lets through, to all together."""
    retry: Retry = field(default_factory=Retry)
    """What to do when a call fails."""

    @classmethod
    def under(
        cls, means: Means, *, model: str, base_url: str | None, journal: str, run: str, spent: RunFacts | None
    ) -> Opening:
        """Return how sessions are opened under some means, of which earlier sittings spent a part."""
        return cls(
            model=model,
            base_url=base_url,
            journal=journal,
            run=run,
            timeout_s=means.timeout_s,
            budget=means.left(spent),
            limits=means.limits,
            retry=means.retry,
        )

    def session(
        self,
        journal: Journal | None,
        transcript: Transcript | None,
        share: tuple[int, int] = (1, 1),
        *,
        players: Mapping[str, Player] | None = None,
    ) -> Session:
        """Open a session that may take a share, such as 1 of 4, of the budget and the limits.

        `players` are stand-ins that a room knows beside those of the house.
        """
        model = connect(self.model, base_url=self.base_url, players=players, timeout_s=self.timeout_s)
        return Session(
            model,
            journal=journal,
            budget=_part_of_budget(self.budget, share),
            limits=_part_of_limits(self.limits, share),
            retry=self.retry,
            transcript=transcript,
        )


def _part_of_budget(budget: Budget, share: tuple[int, int]) -> Budget:
    """Return a share of what may be spent, rounded down: all shares together are no more than the whole."""
    mine, whole = share
    return Budget(
        calls=None if budget.calls is None else budget.calls * mine // whole,
        tokens=None if budget.tokens is None else budget.tokens * mine // whole,
        usd=None if budget.usd is None else budget.usd * mine / whole,
        wall_s=budget.wall_s,
    )


def _part_of_limits(limits: Limits, share: tuple[int, int]) -> Limits:
    """Return a share of what is let through; of calls at once, one at least."""
    mine, whole = share
    calls, tokens, at_once = limits.requests_per_minute, limits.tokens_per_minute, limits.concurrency
    return Limits(
        requests_per_minute=None if calls is None else calls * mine / whole,
        tokens_per_minute=None if tokens is None else tokens * mine / whole,
        concurrency=None if at_once is None else max(1, at_once * mine // whole),
    )
