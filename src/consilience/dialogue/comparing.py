"""How two runs of a journal differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from consilience.dialogue.history import Difference, TextDiffers

if TYPE_CHECKING:
    from consilience.dialogue.store import Store

__all__ = ["compared"]


def compared(store: Store, a: int, b: int) -> Difference:
    """Compare two runs by what was asked, answered and made.

    Parameters
    ----------
    store
        Where both lie.
    a, b
        Their numbers.
    """
    answers_a, answers_b = store.answers(a), store.answers(b)
    made_a, made_b = store.standing(a), store.standing(b)
    elements_a = {element for element, _, _ in answers_a.values()} | made_a.keys()
    elements_b = {element for element, _, _ in answers_b.values()} | made_b.keys()
    both = elements_a & elements_b
    one_sided = {answers_a[key][0] for key in answers_a.keys() - answers_b.keys()}
    one_sided |= {answers_b[key][0] for key in answers_b.keys() - answers_a.keys()}
    return Difference(
        only_in_a=tuple(sorted(elements_a - elements_b)),
        only_in_b=tuple(sorted(elements_b - elements_a)),
        asked=tuple(sorted(one_sided & both)),
        replies=tuple(_replies(store, answers_a, answers_b)),
        artifacts=tuple(_artifacts(store, made_a, made_b)),
    )


Answers = Mapping[bytes, tuple[str, int, bytes]]


def _replies(store: Store, a: Answers, b: Answers) -> Iterable[TextDiffers]:
    differing = [(a[key][0], key) for key in a.keys() & b.keys() if a[key][1] != b[key][1]]
    for element, key in sorted(differing):
        yield TextDiffers(element, store.text(a[key][1]), store.text(b[key][1]))


def _artifacts(store: Store, a: Mapping[str, int], b: Mapping[str, int]) -> Iterable[TextDiffers]:
    for element in sorted(a.keys() & b.keys()):
        one, other = store.artifact(a[element]), store.artifact(b[element])
        if one.digest != other.digest:
            yield TextDiffers(element, one.text, other.text)
