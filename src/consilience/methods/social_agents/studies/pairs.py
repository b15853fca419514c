"""Pairs of runs: whether what must not be told changes a byte of what anybody else gets.

A pair is one task run twice in which only the secrets are others, of the same length; or in which the secret that must
never be told is there in one run and was sent to nobody in the other.

Of what a model has not seen, no model can let anything depend. Of what it has seen, one that is bent on it can: by what
it asks next, or by saying nothing. So leaky models run twice with secrets that they are not shown, and honest ones
with those, too, that they see and would have to ask about. What leaky ones do with the latter is counted apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from consilience.ground import Streams
from consilience.ground.sharing import shared
from consilience.methods.social_agents.manners import PLAYERS
from consilience.methods.social_agents.studies.overhearing import Ran, ran
from consilience.methods.social_agents.studies.secrets import ORDERS, Secret, unsent, with_secrets
from consilience.methods.social_agents.studies.success import SETS
from consilience.methods.social_agents.worlds.people import World

__all__ = ["Paired", "different", "paired"]

SHARES: Final[Mapping[str, float]] = {
    "needle-1": 0.44,
    "needle-2": 0.18,
    "needle-3": 0.12,
    "friends": 0.16,
    "schedule-easy": 0.04,
    "schedule-medium": 0.03,
    "schedule-hard": 0.03,
}
"""How the pairs are shared out among the sets: fewer of those whose talks are long."""
_MOST = 20
"""Pairs of one world."""
_TRANSCRIPT = "transcript"
"""Tells how long things took, which is no byte that a secret decides."""


@dataclass
class Paired:
    """Pairs that were run, and where they differ for others."""

    pairs: Counter[str] = field(default_factory=Counter)
    """By set of tasks."""
    texts: int = 0
    """Texts of others that were compared."""
    differing: list[str] = field(default_factory=list)
    """As task and channel."""

    def differ(self, name: str) -> int:
        """Return how many pairs of a set differ for others."""
        return len({one.partition(":")[0] for one in self.differing if one.rpartition("/")[0].startswith(name)})

    def add(self, other: Paired) -> None:
        """Count what another counted."""
        self.pairs += other.pairs
        self.texts += other.texts
        self.differing += other.differing


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lot:
    """Pairs of one world."""

    name: str
    """Set of its tasks."""
    round_: int
    tasks: int
    streams: Streams
    leaky: bool
    absent: bool
    in_view: bool


def paired(
    count: int, streams: Streams, *, absent: bool = False, leaks_on: bool | None = None, processes: int = 1
) -> Paired:
    """Run tasks of all sets twice, and compare all that anybody else got.

    Parameters
    ----------
    count
        Pairs, about; every set has one at least.
    streams
        Of worlds and secrets.
    absent
        Whether the second run has no secret that must never be told, in place of another one.
    leaks_on
        True has all models leak, with what would have to be asked about in their view; otherwise half of them do, and
        it is not.
    processes
        Among which worlds are shared.
    """
    lots = []
    for turn, (name, share) in enumerate(SHARES.items()):
        left, round_ = max(1, round(count * share)), 0
        while left:
            some = min(_MOST, left)
            leaky = leaks_on if leaks_on is not None else bool((round_ + turn) % 2)
            lots.append(
                _Lot(
                    name=name,
                    round_=round_,
                    tasks=some,
                    streams=streams,
                    leaky=leaky,
                    absent=absent,
                    in_view=bool(leaks_on) or not leaky,
                )
            )
            left, round_ = left - some, round_ + 1
    found = Paired()
    for one in shared(_of_lot, lots, processes):
        found.add(one)
    return found


def _of_lot(lot: _Lot) -> Paired:
    world = SETS[lot.name](lot.tasks, lot.streams.generator(f"pairs {lot.name} {lot.round_}"))
    child = lot.streams.child(f"secrets {lot.name} {lot.round_}")
    return _pair(world, lot.name, child, leaky=lot.leaky, absent=lot.absent, in_view=lot.in_view)


def _pair(world: World, name: str, streams: Streams, *, leaky: bool, absent: bool, in_view: bool) -> Paired:
    found = Paired()
    halves: list[list[Ran]] = []
    members: list[Mapping[str, frozenset[str]]] = []
    for which in (1, 2):
        rng = streams.generator(str(1 if absent else which))
        planted, secrets = with_secrets(world, rng, orders=ORDERS)
        members.append(_members(secrets))
        if absent and which == 2:  # noqa: PLR2004  the second run
            planted = unsent(planted, secrets)
        play = PLAYERS["neighbour-leaky" if leaky else "neighbour"]
        halves.append(ran(planted, secrets, play, in_view=in_view))
    for one, two in zip(*halves, strict=True):
        but = members[0][one.task.id]
        first, second = one.got.others(but), two.got.others(but)
        found.pairs[name] += 1
        found.texts += sum(map(len, first.values()))
        found.differing += [f"{one.task.id}: {channel}" for channel in different(first, second)]
    return found


def _members(secrets: Sequence[Secret]) -> Mapping[str, frozenset[str]]:
    """Return by task who has read one of its secrets."""
    found: dict[str, frozenset[str]] = {}
    for one in secrets:
        found[one.task] = found.get(one.task, frozenset()) | one.members
    return found


def different(one: Mapping[str, Any], two: Mapping[str, Any]) -> Iterator[str]:
    """Give the channels over which two runs brought others different bytes."""
    for channel in sorted(one.keys() | two.keys()):
        if channel != _TRANSCRIPT and one.get(channel, []) != two.get(channel, []):
            yield channel
