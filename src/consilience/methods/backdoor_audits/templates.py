"""Templates: lines of words with slots, that are looked for in what was said.

``open {name}`` is in "please open help now" with ``name`` bound to ``help``. A slot with the name of an argument stands
for that argument's words; any other stands for one word, the same wherever the slot comes again; ``{_}`` for any one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from consilience.ground.errors import InvalidInput
from consilience.methods.backdoor_audits.provenance import Heard

__all__ = ["ANY_WORD", "Binding", "Template"]

ANY_WORD = "_"
MOST_WORDS = 32
"""Words of a template at most."""
_SLOT = re.compile(r"\{([A-Za-z_][A-Za-z0-9_-]*)\}")
Binding = Mapping[str, tuple[str, ...]]
"""Words that slots stand for."""


@dataclass(frozen=True, slots=True)
class _Part:
    word: str
    """The word in lower case, or the name of the slot."""
    slot: bool


@dataclass(frozen=True, slots=True)
class Template:
    """Words and slots, side by side.

    Examples
    --------
    >>> heard = Heard()
    >>> heard.add("Please open help.")
    >>> [dict(found) for found in Template.of("open {name}").found(heard, {})]
    [{'name': ('help',)}]
    """

    text: str
    parts: tuple[_Part, ...]

    @classmethod
    def of(cls, text: str) -> Template:
        """Read a template.

        Raises
        ------
        InvalidInput
            If it is empty, too long, or a word has braces that are no slot.
        """
        words = text.split()
        if not 0 < len(words) <= MOST_WORDS:
            raise InvalidInput(f"a template must have 1 to {MOST_WORDS} words; got {len(words)}")
        return cls(text, tuple(_part(word, text) for word in words))

    @property
    def slots(self) -> frozenset[str]:
        """Names of its slots, without that for any word."""
        return frozenset(part.word for part in self.parts if part.slot) - {ANY_WORD}

    @property
    def has_word(self) -> bool:
        """Whether it has a word of its own."""
        return any(not part.slot for part in self.parts)

    def found(self, heard: Heard, bound: Binding) -> Iterator[Binding]:
        """Yield the ways in which it is in what was said.

        Parameters
        ----------
        heard
            What was said.
        bound
            Words that slots stand for already; one at least of its slots, where it has no word of its own.
        """
        lengths = [len(bound[part.word]) if part.slot and part.word in bound else 1 for part in self.parts]
        anchors = [anchor for at, part in enumerate(self.parts) if (anchor := _anchor(at, part, heard, bound))]
        if not anchors or 0 in lengths:
            return
        at, places = min(anchors, key=lambda anchor: len(anchor[1]))
        before = sum(lengths[:at])
        for place in places:
            binding = self._at(place - before, heard, bound, lengths)
            if binding is not None:
                yield binding

    def _at(self, start: int, heard: Heard, bound: Binding, lengths: Sequence[int]) -> Binding | None:
        if start < 0:
            return None
        free: dict[str, tuple[str, ...]] = {}
        place = start
        for part, length in zip(self.parts, lengths, strict=True):
            if not part.slot:
                if not heard.fits_literal(part.word, place):
                    return None
            elif part.word in bound or part.word in free:
                if not heard.fits(bound.get(part.word) or free[part.word], place):
                    return None
            else:
                word = heard.word(place)
                if not word:
                    return None
                if part.word != ANY_WORD:
                    free[part.word] = (word,)
            place += length
        return {**bound, **free}


def _anchor(at: int, part: _Part, heard: Heard, bound: Binding) -> tuple[int, Sequence[int]] | None:
    """Return a part whose places are known, with these places."""
    if not part.slot:
        return at, heard.literal_places(part.word)
    words = bound.get(part.word)
    return (at, heard.places(words[0])) if words else None


def _part(word: str, text: str) -> _Part:
    slot = _SLOT.fullmatch(word)
    if slot:
        return _Part(slot[1], slot=True)
    if "{" in word or "}" in word:
        raise InvalidInput(f"template {text!r}: {word!r} must be a word or a slot such as {{name}}, by itself")
    return _Part(word.casefold(), slot=False)
