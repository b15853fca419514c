"""Text: anything that is not empty is an answer."""

from __future__ import annotations

from dataclasses import dataclass

from consilience.dialogue.work.artifact import Artifact

__all__ = ["Text"]


@dataclass(frozen=True, kw_only=True)
class Text:
    """An answer in words.

    Examples
    --------
    >>> Text().read("  It depends. ").text
    'It depends.'
    >>> Text().read(" ").fault
    'the answer is empty'
    """

    name: str = "text"
    form: str = "Write the whole answer, and nothing about it."
    duty: str = "Check that it does what the task asks, that it is right, and that nothing that was good gets lost."

    def read(self, reply: str) -> Artifact:
        """Read whatever is not empty."""
        text = reply.strip()
        return Artifact(text) if text else Artifact("", 0, "the answer is empty")
