"""Keeping: the state of a talk goes into the store after each turn, in the place of a journal.

A journal of the house keeps every prompt, and prompts hold messages. Here nothing is kept that `Store.forget` and
`Tasks.forget` do not reach: a talk goes on from its state, and its last question is asked again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import blake2b

from consilience.dialogue.history import Artifact
from consilience.dialogue.journal import Journal
from consilience.methods.social_agents.app.tasks import Tasks
from consilience.methods.social_agents.app.waiting import waited

__all__ = ["Keeping"]


class Keeping(Journal):
    """What talks need of a journal, over the store's table of states.

    Parameters
    ----------
    tasks
        Where states are kept.
    kept
        Is told of each state that is safe: its element and its text.
    """

    def __init__(self, tasks: Tasks, kept: Callable[[str, str], None]) -> None:  # no journal is opened
        self.run = "tasks"
        self.replay_only = False
        self._tasks = tasks
        self._kept = kept

    def artifact(self, element: str, *, run: str | None = None) -> Artifact | None:  # noqa: ARG002  a journal's
        """Return the state that was kept, or None."""
        text = self._tasks.kept(element)
        return None if text is None else Artifact(element, text, _digest(text), (), "talk")

    async def put_artifact(
        self,
        element: str,
        text: str,
        parents: Sequence[str] = (),  # noqa: ARG002  a journal's
        kind: str = "talk",  # noqa: ARG002  likewise
        note: str = "",  # noqa: ARG002  likewise
    ) -> bytes:
        """Keep a state, and return its digest when it is safe."""
        await waited(self._tasks.keep, element, text)
        await waited(self._kept, element, text)
        return _digest(text)


def _digest(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
