"""What a mask is: a predicate of query and key, from which every form of it comes, and the algebra of such predicates.

In every array ``allowed[i, j]`` says that token i may attend to token j.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Bool

from consilience.ground.errors import InvalidInput

__all__ = ["Mask", "require_count"]

_ATOM, _NOT, _AND, _OR = 3, 2, 1, 0
"""How tightly the parts of a written mask hold together."""


_MOST = 2**31 - 1
"""The largest number in a mask: more than there are tokens, and few enough that products of two fit 64 bits."""


def require_count(name: str, value: object, least: int) -> None:
    """Refuse anything but a whole number of at least `least`, and such as no sequence is long."""
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= _MOST:
        raise InvalidInput(f"`{name}` must be a whole number of at least {least} and at most {_MOST}; got {value!r}.")


@dataclass(frozen=True)
class Mask(ABC):
    """Which tokens a token may attend to, for sequences of any length.

    Masks combine by ``&``, ``|`` and ``~``, and ``str`` writes them in the language that `parse_mask` reads.

    Examples
    --------
    >>> from consilience.methods.rank_collapse.masks import Causal, Global, Window
    >>> (Causal() & Window(1)).array(3).astype(int)
    array([[1, 0, 0],
           [1, 1, 0],
           [0, 1, 1]])
    >>> str(Window(8) | Global(1))
    'window(8) | global(1)'
    """

    binding: ClassVar[int] = _ATOM

    @abstractmethod
    def allows(self, query: Any, key: Any, tokens: Any) -> Any:
        """Say whether token `query` may attend to token `key`.

        Parameters
        ----------
        query, key
            Positions from 0: whole numbers, numpy arrays or torch tensors that broadcast; only operators touch them.
        tokens
            Length of the sequence: a number, or those of several sequences in an array or tensor that broadcasts too.

        Returns
        -------
        bool or array or tensor of bool
        """

    def array(self, tokens: int) -> Bool[np.ndarray, "query key"]:
        """Return the mask of a sequence of `tokens` tokens as a boolean matrix.

        Raises
        ------
        InvalidInput
            If `tokens` is no whole number of at least 1.
        """
        require_count("tokens", tokens, 1)
        place = np.arange(tokens)
        return np.asarray(self.allows(place[:, None], place[None, :], tokens), dtype=bool)

    def mask_mod(self, tokens: int, valid: Any = None) -> Callable[[Any, Any, Any, Any], Any]:
        """Return the mask as FlexAttention's ``mask_mod(batch, head, query, key)``.

        Parameters
        ----------
        tokens
            Length of the sequence, which some masks depend on.
        valid
            Boolean tensor of shape (batch, tokens), false at padding. Places of tokens, and the length of their
            sequence, are counted without it. Nobody attends to padding, and padding attends to itself alone, so that
            its softmax is defined. No row is looked at: tokens whose mask is empty get zeros from FlexAttention.

        Returns
        -------
        callable
            For ``create_mask``, ``create_block_mask`` and ``flex_attention`` of ``torch.nn.attention.flex_attention``.
        """
        require_count("tokens", tokens, 1)
        if valid is None:
            return lambda _batch, _head, query, key: self.allows(query, key, tokens)
        counted = (valid.cumsum(1) - 1, valid.sum(1).clip(1))  # a ring divides by the length
        return lambda batch, _head, query, key: self._without_padding(valid, counted, batch, query, key)

    def __and__(self, other: object) -> Mask:
        return Both(self, other) if isinstance(other, Mask) else NotImplemented

    def __or__(self, other: object) -> Mask:
        return Either(self, other) if isinstance(other, Mask) else NotImplemented

    def __invert__(self) -> Mask:
        return Complement(self)

    def __str__(self) -> str:
        values = ", ".join(str(value) for value in self._arguments())
        word = type(self).__name__.lower()
        return f"{word}({values})" if values else word

    def _without_padding(self, valid: Any, counted: tuple[Any, Any], batch: Any, query: Any, key: Any) -> Any:
        places, lengths = counted
        seen = self.allows(places[batch, query], places[batch, key], lengths[batch])
        seen = seen & valid[batch, query] & valid[batch, key]
        return seen | ((query == key) & (valid[batch, query] ^ True))

    def _arguments(self) -> tuple[int, ...]:
        return tuple(value for item in fields(self) if (value := getattr(self, item.name)) is not None)


@dataclass(frozen=True)
class Both(Mask):
    """What two masks both allow."""

    left: Mask
    right: Mask
    binding: ClassVar[int] = _AND

    def allows(self, query: Any, key: Any, tokens: Any) -> Any:
        """Allow what both do."""
        return self.left.allows(query, key, tokens) & self.right.allows(query, key, tokens)

    def __str__(self) -> str:
        return f"{_written(self.left, _AND)} & {_written(self.right, _NOT)}"


@dataclass(frozen=True)
class Either(Mask):
    """What one of two masks allows."""

    left: Mask
    right: Mask
    binding: ClassVar[int] = _OR

    def allows(self, query: Any, key: Any, tokens: Any) -> Any:
        """Allow what either does."""
        return self.left.allows(query, key, tokens) | self.right.allows(query, key, tokens)

    def __str__(self) -> str:
        return f"{_written(self.left, _OR)} | {_written(self.right, _AND)}"


@dataclass(frozen=True)
class Complement(Mask):
    """What a mask forbids."""

    inner: Mask
    binding: ClassVar[int] = _NOT

    def allows(self, query: Any, key: Any, tokens: Any) -> Any:
        """Allow what the other does not; ``~`` would turn a plain ``True`` into -2."""
        return self.inner.allows(query, key, tokens) ^ True

    def __str__(self) -> str:
        return f"~{_written(self.inner, _NOT)}"


def _written(part: Mask, least: int) -> str:
    return str(part) if part.binding >= least else f"({part})"
