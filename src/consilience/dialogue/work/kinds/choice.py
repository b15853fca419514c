"""Choice: one of several options, with the reasons for it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from string import ascii_uppercase

from consilience.dialogue.sandbox import Snippets
from consilience.dialogue.work.artifact import Artifact, Score
from consilience.ground.errors import InvalidInput

__all__ = ["Choice"]

FEWEST = 2

_MEANT = r"(?<=[A-Z])|(?=[)\]])|(?=\**(?:[.!?][*)]*(?:\s|$)|\s*(?:\n|$)))"
"""What tells a letter from a word: it is a capital, stands in brackets, or is the end of its sentence or line."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    r"""One of the options A, B, C and so on.

    Parameters
    ----------
    options
        How many there are, 2 to 26; the task says what they are.
    answer
        The letter that is right, where it is known; only the scorer sees it.

    Examples
    --------
    >>> Choice(options=4).letter(Choice(options=4).read("It cannot be A.\nAnswer: (C)"))
    'C'
    """

    options: int = 4
    answer: str | None = None
    name: str = "choice"

    def __post_init__(self) -> None:
        if not FEWEST <= self.options <= len(ascii_uppercase):
            raise InvalidInput(f"`options` must be from 2 to 26; got {self.options!r}")
        if self.answer is not None and self.answer not in [*self._letters]:
            raise InvalidInput(f"`answer` must be one of the letters {self._range}; got {self.answer!r}")

    @property
    def form(self) -> str:
        """Reasons, then the letter on a line of its own."""
        return f"Give your reasons in a few sentences. End with a line 'Answer: X', X being a letter of {self._range}."

    @property
    def duty(self) -> str:
        """The reasons and the letter."""
        return "Check each step of the reasons, and whether another option fits the question better."

    def read(self, reply: str) -> Artifact:
        """Read reasons that end in a letter; the last one named counts, a small one only at the end of what is said."""
        text = reply.strip()
        return (
            Artifact(text) if self._find(text) else Artifact(text, 0, f"no line 'Answer: X', with X of {self._range}")
        )

    def letter(self, artifact: Artifact) -> str | None:
        """Return the letter that an artifact chose, or None."""
        return self._find(artifact.text)

    async def score(self, artifact: Artifact, snippets: Snippets | None = None) -> Score:  # noqa: ARG002  runs nothing
        """Return 1 for the right letter, else 0.

        Raises
        ------
        InvalidInput
            When the right letter is not known.
        """
        if self.answer is None:
            raise InvalidInput("a choice is scored against the right letter; give `answer`")
        return Score(float(self.letter(artifact) == self.answer))

    def _find(self, text: str) -> str | None:
        found = self._named.findall(text)
        if found:
            return str(found[-1]).upper()
        bare = text.strip("()[]*_.: \n").upper()
        return bare if len(bare) == 1 and bare in self._letters else None

    @property
    def _letters(self) -> str:
        return ascii_uppercase[: self.options]

    @property
    def _range(self) -> str:
        return f"A to {self._letters[-1]}"

    @cached_property
    def _named(self) -> re.Pattern[str]:
        last = self._letters[-1]
        return re.compile(rf"(?i:\banswer\b[\s*_]*(?:is|:))[\s*_]*[(\[]?([A-{last}a-{last.lower()}])\b(?:{_MEANT})")
