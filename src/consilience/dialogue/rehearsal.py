"""Rehearsal: a stated stand-in for a model, in process, for tests, studies, examples and dry runs.

What it says is a pure function of prompt and seed: a player's text, made worse by want of skill and by noise as
asked. Beside that it takes its time, enforces limits and fails, as asked, so that whatever calls models can be tried
without one. No number that comes from it says anything about language models.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from consilience.dialogue.attendance import Attendance, Visit
from consilience.dialogue.faults import Fault, Faults, Gate, Latency, RateLimit, Slots, chances, malformed
from consilience.dialogue.messages import Finish, Question, Reply, Usage
from consilience.dialogue.models import BadReply, ModelError, Refused, Rejected, TimedOut, Unreachable
from consilience.dialogue.players import PLAYERS, Player, talker
from consilience.ground.errors import InvalidInput, UnknownName

__all__ = ["REHEARSAL_NOTICE", "Rehearsal", "Turn", "notice_for", "rehearse", "tokens_of"]

REHEARSAL_NOTICE = "rehearsal: a stated stand-in, not a language model"
"""What every report says in which a rehearsal appears."""

_PREFIX = "rehearsal:"
_CHARACTERS_PER_TOKEN = 4
_WORD = re.compile(r"\S+\s*")
_FAILURES: dict[str, tuple[type[ModelError], str]] = {
    "server_error": (BadReply, "failed with status 500"),
    "stall": (TimedOut, "said nothing for too long"),
    "half_json": (BadReply, "sent half a reply"),
    "empty": (BadReply, "sent an empty body"),
    "disconnect": (Unreachable, "cut the connection within its reply"),
}


def notice_for(models: Iterable[str]) -> str:
    """Return what has to be said where one of these models is a stand-in, else nothing.

    Examples
    --------
    >>> notice_for(["openai:gpt-4o"]), notice_for(["rehearsal:solver"])
    ('', 'rehearsal: a stated stand-in, not a language model')
    """
    return REHEARSAL_NOTICE if any(model.startswith(_PREFIX) for model in models) else ""


def tokens_of(characters: int) -> int:
    """Return the tokens that a text of that length counts as: a token for every four characters, rounded up."""
    return -(-characters // _CHARACTERS_PER_TOKEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What the rehearsal does about one attempt at a question."""

    text: str
    """What it says, unless a fault strikes."""
    finish: Finish
    """Why it ends there."""
    usage: Usage
    """What that counts as."""
    fault: Fault | None
    """What goes wrong, if anything does."""
    delay_s: float
    """Time of service."""
    retry_after_s: float | None = None
    """After which time a refused call may come again; None for one that need not, and for one that is not refused."""


class Rehearsal:
    """A model that plays its part: a `ChatModel` in process, and what a `RehearsalServer` serves.

    The same question gets the same text in every process, whatever was asked before or at the same time. An attempt
    that a fault strikes is counted, so that the next one at the same question meets its own chance; being refused by
    the limit is no attempt.

    Parameters
    ----------
    player
        What is said.
    name
        Of the model; ``"rehearsal:"`` is put before it.
    seed
        Root of all chance but that of the latency.
    skill
        Share of the questions, 0 to 1, that the player gets to answer; the others are answered beside the point by
        `talker`. More skill keeps every question that was answered before.
    noise
        Share of the words, 0 to 1, that are lost from what is said.
    latency
        How long replies take.
    faults
        What goes wrong.
    limit
        What is let through in a minute.

    Raises
    ------
    InvalidInput
        If a share is out of range or the name is empty.

    Examples
    --------
    >>> from consilience.dialogue.messages import Message
    >>> from consilience.dialogue.players import echo
    >>> model = Rehearsal(echo, name="echo")
    >>> reply = asyncio.run(model.reply(Question("7", (Message("user", ("Hello",)),))))
    >>> reply.text, reply.model
    ('Hello', 'rehearsal:echo')
    """

    def __init__(
        self,
        player: Player,
        *,
        name: str = "stand-in",
        seed: int = 0,
        skill: float = 1.0,
        noise: float = 0.0,
        latency: Latency = Latency(),  # noqa: B008  frozen
        faults: Faults = Faults(),  # noqa: B008  frozen
        limit: RateLimit | None = None,
    ) -> None:
        for share, value in (("skill", skill), ("noise", noise)):
            if not 0 <= value <= 1:
                raise InvalidInput(f"`{share}` must be from 0 to 1; got {value!r}")
        bare = name.removeprefix(_PREFIX)
        if not bare:
            raise InvalidInput(f"`name` must say what the rehearsal is called, as in 'rehearsal:echo'; got {name!r}")
        self.name = _PREFIX + bare
        """Under which the model is asked for and its replies are kept."""
        self.attendance = Attendance()
        """Calls so far."""
        self.latency = latency
        """How long replies take."""
        self.faults = faults
        """What goes wrong."""
        self.slots = Slots(latency.slots)
        """Places of service."""
        self._player = player
        self._seed = seed
        self._skill = skill
        self._noise = noise
        self._gate = None if limit is None else Gate(limit)
        self._struck: dict[bytes, int] = {}

    async def reply(self, question: Question) -> Reply:
        """Answer, after the time that it takes.

        Raises
        ------
        Refused
            If the limit is reached, or a fault has it so.
        Rejected
            If the call is larger than the limit itself.
        TimedOut, BadReply, Unreachable, ModelError
            If another fault strikes.
        """
        begun = asyncio.get_running_loop().time()
        turn = self.begin(question, begun)
        outcome = "gone"
        self.attendance.arrive()
        try:
            if turn.fault != "rate_limited" and (turn.delay_s or self.latency.slots or turn.fault == "stall"):
                await self._take_time(turn)
            outcome = turn.fault or "replied"
        finally:
            ended = asyncio.get_running_loop().time()
            self.attendance.finish(Visit(question.element, begun, ended, outcome))
        if turn.fault is not None:
            raise self._failure(turn)
        return Reply(text=turn.text, model=self.name, usage=turn.usage, finish=turn.finish, latency_s=ended - begun)

    async def close(self) -> None:
        """Nothing is held that would have to be let go."""

    def begin(self, question: Question, now: float) -> Turn:
        """Decide what becomes of a call that arrives now, and count it where that matters.

        Parameters
        ----------
        question
            What is asked.
        now
            Seconds on a clock that does not go back.
        """
        key = question.key(self.name)
        text, finish = self._say(question, key)
        asked = sum([len(part) for message in question.messages for part in message.parts])
        usage = Usage(input_tokens=tokens_of(asked), output_tokens=tokens_of(len(text)))
        fault, delay_s, retry_after_s = self._meet(key, usage, now)
        return Turn(text=text, finish=finish, usage=usage, fault=fault, delay_s=delay_s, retry_after_s=retry_after_s)

    def says(self, question: Question) -> str:
        """Return the text of the reply, without asking for it: nothing is counted and nothing goes wrong."""
        return self._say(question, question.key(self.name))[0]

    def _meet(self, key: bytes, usage: Usage, now: float) -> tuple[Fault | None, float, float | None]:
        if self._gate is not None:
            wait_s = self._gate.admit(usage.input_tokens + usage.output_tokens, now)
            if wait_s is not None:
                return "rate_limited", 0.0, None if wait_s == float("inf") else wait_s
        attempt = self._struck.get(key, 0)
        fault = self.faults.strike(self._seed, key, attempt)
        delay_s = self.latency.seconds(key, attempt)
        if fault is not None:
            self._struck[key] = attempt + 1
        elif attempt:
            del self._struck[key]
        return fault, delay_s, self.faults.retry_after_s if fault == "rate_limited" else None

    def _say(self, question: Question, key: bytes) -> tuple[str, Finish]:
        text = self._play(question, key)
        if self.faults.spoils(self._seed, key):
            text = malformed(text, chances("malformed", self._seed, key)[1])
        most = question.settings.max_tokens
        if most is not None and tokens_of(len(text)) > most:
            return text[: most * _CHARACTERS_PER_TOKEN], "length"
        return text, "stop"

    def _play(self, question: Question, key: bytes) -> str:
        player = self._player
        if self._skill < 1 and chances("skill", self._seed, key)[0] >= self._skill:
            player = talker
        # The part of chance that a player gets is its own: noise and faults change nothing of what it draws.
        text = player(question, _generator("player", self._seed, key))
        if not self._noise:
            return text
        words = _WORD.findall(text)
        kept = _generator("noise", self._seed, key).random(len(words)) >= self._noise
        return "".join([word for word, stays in zip(words, kept.tolist(), strict=True) if stays])

    async def _take_time(self, turn: Turn) -> None:
        delay_s = self.faults.stall_s if turn.fault == "stall" else turn.delay_s
        if self.latency.slots is None:
            await asyncio.sleep(delay_s)
            return
        who, place = object(), asyncio.get_running_loop().create_future()
        self.slots.enter(who, lambda: _give(place))
        try:
            await place
            await asyncio.sleep(delay_s)
        finally:
            self.slots.leave(who)

    def _failure(self, turn: Turn) -> ModelError:
        if turn.fault == "rate_limited":
            if turn.retry_after_s is None:
                return Rejected(f"{self.name} lets less through than the question and its reply; ask for less")
            return Refused(turn.retry_after_s)
        kind, what = _FAILURES[turn.fault or "server_error"]
        # As behind HTTP: what was on its way when it broke may be charged, a failure of the server is not.
        return kind(f"{self.name} {what}; ask again", charged=turn.fault != "server_error")


def rehearse(name: str, players: Mapping[str, Player] | None = None, *, seed: int = 0) -> Rehearsal:
    """Return the rehearsal of a player by its name, with or without ``"rehearsal:"`` before it.

    Parameters
    ----------
    name
        Of a player.
    players
        Those of a room; the floor's own are known beside them.
    seed
        Root of all chance.

    Raises
    ------
    UnknownName
        If there is no such player.

    Examples
    --------
    >>> rehearse("rehearsal:echo").name
    'rehearsal:echo'
    """
    known = {**PLAYERS, **(players or {})}
    bare = name.removeprefix(_PREFIX)
    if bare not in known:
        raise UnknownName("rehearsal", bare, known)
    return Rehearsal(known[bare], name=bare, seed=seed)


def _give(place: asyncio.Future[None]) -> None:
    if not place.done():  # who was cancelled a moment ago still stands in line, and leaves when it gets to run
        place.set_result(None)


def _generator(purpose: str, seed: int, key: bytes) -> np.random.Generator:
    """Return the generator that belongs to the arguments."""
    digest = hashlib.blake2b(f"{purpose}\0{seed}\0".encode() + key, digest_size=16).digest()
    return np.random.default_rng(int.from_bytes(digest, "little"))
