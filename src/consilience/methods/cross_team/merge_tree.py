"""The merge tree: candidates become one, group by group and level by level, each merge under guard and none twice.

Groups drawn from a seed are fixed before anything is merged, so a merge begins when its own members are there and
waits for no others. Groups that are packed by size depend on what the level below gave, and are made level by level.
Which pieces meet depends on the seed, on their sizes and on the order of the teams, and never on who came first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from hashlib import blake2b
from itertools import chain
from typing import Any, TypeVar

from consilience.dialogue.budget import BudgetExhausted
from consilience.dialogue.estimate import prompt_tokens
from consilience.dialogue.journal import Journal
from consilience.dialogue.messages import Message
from consilience.dialogue.models import ModelError
from consilience.dialogue.transcript import Transcript
from consilience.dialogue.work.artifact import Artifact, Kind
from consilience.ground.errors import InvalidInput
from consilience.ground.seeds import Streams
from consilience.methods.cross_team.guard import Candidate, Merged, MergeFacts, Merges, best_of, objection
from consilience.methods.cross_team.partition import groups, packed, too_long
from consilience.methods.cross_team.rating import Rater
from consilience.methods.cross_team.spec import Plan

__all__ = ["Aggregator", "fail", "together", "tokens_of"]

UNMERGED = "too long to be merged with any other"

Value = TypeVar("Value")


class Aggregator:
    """Merges candidates into one, under guard, and merges no group twice.

    Parameters
    ----------
    name
        The key phase, as elements begin; empty for the final merge.
    plan
        How groups are made.
    kind
        What the work is.
    rater
        How good it is.
    merge
        Who is asked for merges.
    journal
        Where merges are kept.
    transcript
        Where events are taken down.
    """

    def __init__(
        self,
        name: str,
        plan: Plan,
        *,
        kind: Kind,
        rater: Rater,
        merge: Merges,
        journal: Journal | None = None,
        transcript: Transcript | None = None,
    ) -> None:
        self.name = name
        self._plan = plan
        self._kind = kind
        self._rater = rater
        self._merge = merge
        self._journal = None if journal is None or journal.replay_only else journal
        self._transcript = transcript
        self._done: dict[tuple[str, ...], asyncio.Future[Candidate]] = {}
        self._heights: dict[str, int] = {}
        self._facts: list[MergeFacts] = []
        self._unmerged: dict[str, str] = {}

    async def unite(self, candidates: Sequence[Candidate], team: str = "") -> Candidate:
        """Return what candidates are merged to.

        Parameters
        ----------
        candidates
            One or more, in the order of the teams, each of another name. One is returned as it is.
        team
            Whose grouping it is; that of all where it is empty.

        Returns
        -------
        Candidate
            Rated at least as high as every candidate.
        """
        if not candidates:
            raise InvalidInput("an aggregator needs one candidate or more; got none")
        if self._plan.grouping == "packed":
            return await self._pack(list(candidates), team)
        chance = Streams(self._plan.seed).child(self.name).generator(team)
        tree: list[tuple[tuple[int, ...], ...]] = []
        count = len(candidates)
        while count > 1:
            tree.append(groups(count, self._plan.group, chance))
            count = len(tree[-1])
        return await self._piece(candidates, tree, len(tree), 0, team)

    @property
    def merges(self) -> tuple[MergeFacts, ...]:
        """What became of each merge, each after those that it builds on."""
        return tuple(sorted(self._facts, key=self._rank))

    @property
    def unmerged(self) -> Mapping[str, str]:
        """Names of what could not be merged with anything, each with the reason."""
        return self._unmerged

    # --- groups ----------------------------------------------------------------------------------------------------

    async def _piece(
        self,
        candidates: Sequence[Candidate],
        tree: Sequence[tuple[tuple[int, ...], ...]],
        level: int,
        index: int,
        team: str,
    ) -> Candidate:
        """Return a piece of a level: what a group of the level below becomes as soon as its members are there."""
        if not level:
            return candidates[index]
        members = tree[level - 1][index]
        if level == 1:  # nothing to wait for
            parents = [candidates[member] for member in members]
        else:
            parents = await together(self._piece(candidates, tree, level - 1, member, team) for member in members)
        return await self._group(parents, level - 1, index, team)

    async def _pack(self, row: list[Candidate], team: str) -> Candidate:
        level = 0
        while len(row) > 1:
            parts = packed(
                [tokens_of(piece.artifact) for piece in row], self._plan.group, self._plan.context_tokens or 0
            )
            if len(parts) == len(row):
                best = best_of(row)
                self._unmerged.update({piece.name: UNMERGED for piece in row if piece is not best})
                return best
            row = await together(
                self._group([row[member] for member in members], level, index, team)
                for index, members in enumerate(parts)
            )
            level += 1
        return row[0]

    async def _group(self, parents: Sequence[Candidate], level: int, index: int, team: str) -> Candidate:
        """Return what a group becomes; the same group of another team's is not merged again."""
        if len(parents) == 1:
            return parents[0]
        names = tuple(parent.name for parent in parents)
        known = self._done.get(names)
        if known is not None:
            return await asyncio.shield(known)
        known = self._done[names] = asyncio.get_running_loop().create_future()
        try:
            element = f"{self.name}+{_digest(names) if team else f'{level}.{index}'}"
            given = await self._merged(element, parents)
        except BaseException as error:
            del self._done[names]
            fail(known, error)
            raise
        known.set_result(given)
        return given

    # --- one merge -------------------------------------------------------------------------------------------------

    async def _merged(self, element: str, parents: Sequence[Candidate]) -> Candidate:
        """Ask for a merge, and return it, or the best parent where the guard objects."""
        best = best_of(parents)
        merged = await self._proposed(element, parents)
        proposal, reason = merged.artifact, merged.reason or "no reply could be read as an answer"
        rating = None if proposal is None else await self._rater.rate(proposal)
        if proposal is not None and rating is not None:
            reason = objection(proposal, rating, parents)
        if proposal is None or rating is None or reason:
            given = best._replace(after=self._tell(element, merged.after, best, instead=reason))
        else:
            same = next((parent for parent in parents if parent.artifact.digest == proposal.digest), None)
            made = same or Candidate(element, proposal, rating, element=element)
            await self._keep(element, proposal, parents)
            given = made._replace(after=self._tell(element, merged.after, made))
        self._heights[element] = 1 + max(self._heights.get(parent.name, 0) for parent in parents)
        self._facts.append(
            MergeFacts(
                element=element,
                parents=tuple(parent.name for parent in parents),
                accepted=not reason,
                gives=given.name,
                artifact=given.artifact,
                rating=given.rating.value,
                best_parent=best.rating.value,
                proposed=proposal,
                proposed_rating=None if rating is None else rating.value,
                reason=reason,
            )
        )
        return given

    async def _proposed(self, element: str, parents: Sequence[Candidate]) -> Merged:
        after = tuple(dict.fromkeys(chain.from_iterable(parent.after for parent in parents)))
        sizes = [tokens_of(parent.artifact) for parent in parents]
        if too_long(sizes, self._plan.context_tokens):
            return Merged(None, after, f"works of {sum(sizes)} tokens and a merge of them exceed the context")
        try:
            return await self._merge(element, parents, after)
        except (ModelError, BudgetExhausted) as error:
            return Merged(None, after, str(error))

    async def _keep(self, element: str, artifact: Artifact, parents: Sequence[Candidate]) -> None:
        if self._journal is not None:
            origins = [parent.element or parent.name for parent in parents]
            await self._journal.put_artifact(element, artifact.text, origins, self._kind.name)

    def _tell(self, element: str, after: tuple[str, ...], given: Candidate, *, instead: str = "") -> tuple[str, ...]:
        """Take down what passes, and return the event."""
        if self._transcript is None:
            return ()
        facts = {"instead": instead} if instead else {}
        rating = round(given.rating.value, 6)
        event = self._transcript.add(
            "committed", element, after=after, digest=given.artifact.digest, gives=given.name, rating=rating, **facts
        )
        return (event,)

    def _rank(self, facts: MergeFacts) -> tuple[int, int, str]:
        return self._heights[facts.element], len(facts.element), facts.element


def tokens_of(artifact: Artifact) -> int:
    """Return about how many tokens an artifact has, rather too many than too few.

    Examples
    --------
    >>> tokens_of(Artifact("print(1)"))
    7
    """
    return prompt_tokens((Message("user", (artifact.text,)),))


async def together(works: Iterable[Coroutine[Any, Any, Value]]) -> list[Value]:
    """Do several things at once, and return what came of each; when one fails, the others are cancelled."""
    try:
        async with asyncio.TaskGroup() as crew:
            tasks = [crew.create_task(work) for work in works]
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from None
    return [task.result() for task in tasks]


def fail(future: asyncio.Future[Any], error: BaseException) -> None:
    """End a future as what it was for ended; whoever waits for it raises the error, and nobody has to wait."""
    if isinstance(error, Exception):
        future.set_exception(error)
        future.exception()
    else:
        future.cancel()


def _digest(names: Sequence[str]) -> str:
    return blake2b("\0".join(names).encode(), digest_size=4).hexdigest()
