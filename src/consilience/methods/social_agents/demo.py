"""A small world to try things in: four people, what they told each other, and a question that takes two of them.

Ann invites Ben and Cyd to dinner. Dan told her what he cannot eat, Cyd told Ben; who cooks has to know both.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from consilience.methods.social_agents.records import Person
from consilience.methods.social_agents.store import Store
from consilience.methods.social_agents.worlds.furnishing import furnish
from consilience.methods.social_agents.worlds.people import BEGINNING, Chat, Line, Resident, World

__all__ = ["FIRST_QUESTION", "QUESTION", "demo_world", "furnish_demo"]

QUESTION: Final = "Are the allergy of Dan Roth and the allergy of Cyd Moor the same or different?"
"""What Ann may ask; Ben knows the half of it, and is asked before it is told, for it is about health."""
FIRST_QUESTION: Final = "Are the instrument of Dan Roth and the instrument of Cyd Moor the same or different?"
"""What Ann may ask first: nobody is asked before that is told."""

_PEOPLE = (
    Resident("ann", "Ann Weber", "I cook for many people."),
    Resident("ben", "Ben Okafor", "I share a flat with Cyd Moor."),
    Resident("cyd", "Cyd Moor", "I play in a string quartet."),
    Resident("dan", "Dan Roth", "I work with Ann Weber."),
)
_CONTACTS = (("ann", "ben"), ("ann", "dan"), ("ben", "cyd"))
_SAID: tuple[tuple[int, str, str], ...] = (
    (0, "dan", "The lift is out of order again."),
    (0, "ann", "I am glad that we are on the first floor. Are you coming to the dinner?"),
    (0, "dan", "They tested me and the allergy is sesame after all."),
    (0, "ann", "Good to know, I will see what I can do."),
    (0, "dan", "My instrument will always be the viola, I think."),
    (1, "cyd", "The quartet has its first evening in June."),
    (1, "ben", "Then I will be there. Ann wants to cook for us, by the way."),
    (1, "cyd", "My allergy is sesame, so please keep it away."),
    (1, "cyd", "My instrument will always be the cello, I think."),
    (1, "ben", "I will tell her if she asks."),
    (2, "ann", "Dinner at ours? Bring Cyd along."),
    (2, "ben", "Gladly. The number I always pick is 7, so let it be seven o'clock."),
)


def demo_world() -> World:
    """Return the world, the same each time.

    Examples
    --------
    >>> world = demo_world()
    >>> [one.name for one in world.people][:2], len(world.messages)
    (['Ann Weber', 'Ben Okafor'], 12)
    """
    chats = (
        Chat(("ann", "dan"), "Ann and Dan"),
        Chat(("ben", "cyd"), "Ben and Cyd"),
        Chat(("ann", "ben"), "Ann and Ben"),
    )
    lines = tuple(
        Line(chat, who, BEGINNING + timedelta(minutes=3 * number), text, f"demo-{number}")
        for number, (chat, who, text) in enumerate(_SAID)
    )
    return World(_PEOPLE, _CONTACTS, chats, lines)


def furnish_demo(store: Store) -> dict[str, Person]:
    """Put the world into a store that has none of its people, and return them by handle."""
    return dict(furnish(demo_world(), store))
