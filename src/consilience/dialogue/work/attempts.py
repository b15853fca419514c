"""Attempts: a reply is read, and asked for again with its fault until it parses well enough, and not much longer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from zlib import crc32

from consilience.dialogue.messages import Message
from consilience.dialogue.work.artifact import Artifact

__all__ = ["FINISHED", "SEEDS", "again", "attempt", "finished", "seed_of"]

FINISHED = "[[finished]]"
"""What somebody says who has nothing to add."""

SEEDS = 16
"""Seeds of questions are drawn from so many: enough to tell equal prompts apart, few for a journal to keep."""

_AGAIN = ("\nThis cannot be used: ", ". Write the whole answer again, in the form that was asked for.")


def finished(comment: str) -> bool:
    r"""Whether somebody who was to comment had nothing to add.

    Examples
    --------
    >>> finished("[[finished]]\nWell done."), finished("Never answer [[finished]] too early.")
    (True, False)
    """
    return comment.lstrip("`*_ \t\r\n").startswith(FINISHED)


def again(messages: tuple[Message, ...], reply: str, fault: str) -> tuple[Message, ...]:
    """Ask once more, after a reply that could not be used; only the last such reply is shown."""
    before, after = _AGAIN
    return *messages, Message("assistant", (reply,)), Message("user", (before, fault, after))


async def attempt(
    messages: tuple[Message, ...],
    floor: int,
    *,
    ask: Callable[[tuple[Message, ...]], Awaitable[str]],
    read: Callable[[str], Artifact],
    reasks: int,
    dropped: Callable[[str], None],
) -> Artifact | None:
    """Ask until a reply parses no worse than it must; None when none did.

    Parameters
    ----------
    messages
        What is asked.
    floor
        Least grade that is taken.
    ask
        Returns the text of a reply.
    read
        Reads it.
    reasks
        How often to ask again.
    dropped
        Told the fault of each reply that is not taken.

    Examples
    --------
    >>> import asyncio
    >>> replies, faults = ["", "42"], []
    >>> async def ask(messages):
    ...     return replies.pop(0)
    >>> def read(reply):
    ...     return Artifact(reply, len(reply), "" if reply else "the answer is empty")
    >>> asyncio.run(attempt((), 1, ask=ask, read=read, reasks=1, dropped=faults.append)).text, faults
    ('42', ['the answer is empty'])
    """
    asked = messages
    for _ in range(1 + reasks):
        reply = await ask(asked)
        artifact = read(reply)
        if artifact.grade >= floor:
            return artifact
        fault = artifact.fault or "it parses worse than the work it comes from"
        dropped(fault)
        asked = again(messages, reply, fault)
    return None


def seed_of(seed: int, element: str, occurrence: int) -> int:
    """Return the seed of a question: it belongs to the run's seed and who asks, and not to when.

    Examples
    --------
    >>> 0 <= seed_of(0, "7", 0) < SEEDS, seed_of(0, "7", 0) == seed_of(0, "7", 1)
    (True, False)
    """
    return crc32(f"{seed}/{element}/{occurrence}".encode("utf-8", "surrogatepass")) % SEEDS
