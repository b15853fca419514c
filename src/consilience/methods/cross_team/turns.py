"""Turns: whom an element of a run asks, with which settings, and which replies it accepts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from consilience.dialogue.asking import Asks
from consilience.dialogue.budget import BudgetExhausted
from consilience.dialogue.messages import Message, Question, Settings
from consilience.dialogue.transcript import Transcript
from consilience.dialogue.work.artifact import Artifact
from consilience.dialogue.work.attempts import attempt, seed_of
from consilience.ground.errors import ConsilienceError, InvalidInput
from consilience.methods.cross_team.guard import Candidate, Merged
from consilience.methods.cross_team.prompts import Prompts
from consilience.methods.cross_team.result import Cell

__all__ = ["AGGREGATE", "Aggregating", "Asked", "PhaseSpent", "Turn", "Turns", "asks_of"]

AGGREGATE = "+"
"""Under this name a mapping has whom aggregators ask."""


class PhaseSpent(ConsilienceError):
    """A phase has asked as many questions as it may."""


Asked = Mapping[str, Asks]
"""Whom to ask, by ``TEAM/MODEL``, model, team, `AGGREGATE`, or the empty name for all others."""


def asks_of(asks: Asks | Asked, team: str, model: str | None, phase_model: str | None = None) -> Asks:
    """Return whom a team asks in a phase.

    Parameters
    ----------
    asks
        One for all, or several by name.
    team
        Its name, or `AGGREGATE`.
    model
        The team's model, if it has one of its own.
    phase_model
        The phase's, if it has one of its own.

    Raises
    ------
    InvalidInput
        When there is nobody of that name.
    """
    if not isinstance(asks, Mapping):  # told from a protocol, ten times faster than by it
        if wanted := phase_model or model:
            raise InvalidInput(
                f"{team} is to ask the model {wanted!r}, and there is one session for all; give a mapping of sessions"
            )
        return asks
    names = [f"{team}/{phase_model}", phase_model] if phase_model else [team, model or ""]
    for name in names:
        if name in asks:
            return asks[name]
    raise InvalidInput(f"the sessions must have one named {' or '.join(map(repr, names))}; got {sorted(asks)}")


class Turn:
    """An element that asks.

    Parameters
    ----------
    name
        As events and the journal call it.
    asks
        Who is asked.
    cell
        What it costs.
    after
        Events that its next one comes after.
    temperature, max_tokens, seed
        Of its questions.
    most
        Questions at most; no limit if None.
    """

    __slots__ = ("after", "asks", "calls", "cell", "max_tokens", "most", "name", "seed", "temperature")

    def __init__(
        self,
        name: str,
        asks: Asks,
        cell: Cell,
        after: tuple[str, ...],
        *,
        temperature: float | None = None,
        max_tokens: int | None = None,
        seed: int = 0,
        most: int | None = None,
    ) -> None:
        self.name = name
        self.asks = asks
        self.cell = cell
        self.after = after
        self.temperature = temperature
        self.max_tokens = max_tokens
        self.seed = seed
        self.most = most
        self.calls = 0


class Turns:
    """Takes the turns of elements.

    Parameters
    ----------
    width
        Questions under way at most.
    reasks
        How often a reply is asked for again that cannot be used.
    transcript
        Where events are taken down.
    proceed
        Called before each question; raises when nothing more is to be asked.
    """

    def __init__(self, *, width: int, reasks: int, transcript: Transcript | None, proceed: Callable[[], None]) -> None:
        self._gate = asyncio.Semaphore(width)
        self._reasks = reasks
        self._transcript = transcript
        self._proceed = proceed
        self._settings: dict[tuple[float | None, int | None, int], Settings] = {}

    async def ask(self, turn: Turn, messages: tuple[Message, ...]) -> str:
        """Return the text of a reply.

        Raises
        ------
        PhaseSpent
            When the turn has asked as much as it may.
        ConsilienceError
            Whatever the session raises.
        """
        occurrence = turn.calls
        if occurrence == turn.most:
            raise PhaseSpent(f"{turn.name} may ask {turn.most} questions, and did")
        name, asks = turn.name, turn.asks
        async with self._gate:
            self._proceed()
            turn.calls = occurrence + 1
            turn.cell.calls += 1
            question = Question(name, messages, self._setting(turn, occurrence), occurrence)
            try:
                reply = await asks.ask(question, caused_by=turn.after)
            except BudgetExhausted:
                turn.cell.calls -= 1  # it was not sent
                raise
            finally:
                if self._transcript is not None:
                    turn.after = asks.last_event(name) or turn.after
        turn.cell.count(reply)
        return reply.text

    async def attempt(
        self, turn: Turn, messages: tuple[Message, ...], floor: int, read: Callable[[str], Artifact]
    ) -> Artifact | None:
        """Ask until a reply parses no worse than `floor`, and not much longer."""

        async def ask(asked: tuple[Message, ...]) -> str:
            return await self.ask(turn, asked)

        def dropped(fault: str) -> None:
            turn.cell.dropped += 1
            if self._transcript is not None:
                turn.after = (self._transcript.add("dropped", turn.name, after=turn.after, reason=fault),)

        return await attempt(messages, floor, ask=ask, read=read, reasks=self._reasks, dropped=dropped)

    def _setting(self, turn: Turn, occurrence: int) -> Settings:
        key = (turn.temperature, turn.max_tokens, seed_of(turn.seed, turn.name, occurrence))
        setting = self._settings.get(key)
        if setting is None:
            temperature, max_tokens, seed = key
            setting = self._settings[key] = Settings(temperature=temperature, max_tokens=max_tokens, seed=seed)
        return setting


class Aggregating:
    """Asks an aggregator to make one of several.

    Parameters
    ----------
    turns
        How it is asked.
    prompts
        What is asked.
    asks
        Who is asked.
    read
        How a reply is read.
    seed
        Of the run.
    """

    def __init__(self, turns: Turns, prompts: Prompts, asks: Asks, read: Callable[[str], Artifact], seed: int) -> None:
        self.cells: dict[str, Cell] = {}
        """What merges cost, by element."""
        self._turns = turns
        self._prompts = prompts
        self._asks = asks
        self._read = read
        self._seed = seed

    async def __call__(self, element: str, parents: Sequence[Candidate], after: tuple[str, ...]) -> Merged:
        """Return the merge; a reply that parses worse than the best of the parents is no merge."""
        cell = self.cells[element] = Cell()
        cell.state, cell.turns = "working", 1
        works = [parent.artifact for parent in parents]
        turn = Turn(element, self._asks, cell, after, seed=self._seed)
        floor = max(1, *(work.grade for work in works))
        begun_s = asyncio.get_running_loop().time()
        cell.state = "failed"
        try:
            artifact = await self._turns.attempt(turn, self._prompts.merge(works), floor, self._read)
        finally:
            cell.seconds = asyncio.get_running_loop().time() - begun_s
        if artifact is None:
            return Merged(None, turn.after, "no reply parses as well as the best of what was to be merged")
        cell.state = "done"
        return Merged(artifact, turn.after)
