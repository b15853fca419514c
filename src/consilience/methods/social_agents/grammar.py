"""The small language in which the worlds of the benchmark state facts, and which the rehearsal reads.

A fact is a relation, a person and a value: the pet of Ana Varga is a parrot. A `Relation` says how people put it: about
themselves, about others, and obliquely, in words that share no stem with the question. The worlds write with these
templates and the rehearsal reads with them; nothing else passes between the two. A language model needs none of this.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import Final

__all__ = ["DAYS", "NAME", "RELATIONS", "Found", "Relation", "find", "label_and_person", "mentions", "parts_of", "slot"]

NAME: Final = r"[A-Z][\w'-]+(?: [A-Z][\w'-]+)?"
"""How names look: one or two capitalised words."""
DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

_SLOT = re.compile(rf"\bthe ([a-zA-Z]+(?: [a-z]+)?) of ({NAME})")
_BLANK = re.compile(r"\{(\w+)\}")
_CHATTER = r"[\w'&-]+(?: [\w'&-]+){0,2}?"
_SPANS = r"\d+:\d\d-\d+:\d\d \w+(?:(?:, | and )\d+:\d\d-\d+:\d\d \w+)*"


@dataclass(frozen=True)
class Relation:
    """What is said of a person, and how.

    Parameters
    ----------
    label
        As in ``the pet of Ana``.
    values
        What it can be; empty where a world writes the values itself.
    own
        How people say it of themselves; each has ``{value}`` and contains a word of the label.
    about
        How others say it; ``{who}`` is the person.
    hints
        Lines that open a talk about it without any word of the label, though with words that begin like it.
    oblique
        How people say it of themselves in such a talk: no word of the label, no synonym.
    synonyms
        Other words to search for.
    pattern
        Regular expression of a value.
    """

    label: str
    values: tuple[str, ...]
    own: tuple[str, ...]
    about: tuple[str, ...]
    hints: tuple[str, ...] = ()
    oblique: tuple[str, ...] = ()
    synonyms: tuple[str, ...] = ()
    pattern: str = _CHATTER

    @property
    def numeric(self) -> bool:
        """Whether the values are numbers, which can be compared."""
        return bool(self.values) and all(value.isdigit() for value in self.values)

    @cached_property
    def readers(self) -> tuple[tuple[str, re.Pattern[str]], ...]:
        """For each template, its longest fixed piece and the expression that reads it."""
        return tuple((_longest(text), _expression(text, self.pattern)) for text in self.own + self.about + self.oblique)


@dataclass(frozen=True, slots=True)
class Found:
    """A fact in a line."""

    person: str
    """Of whom it is said."""
    value: str
    """What is said."""
    line: int
    """Which of the lines says it, from 0."""


def slot(label: str, person: str) -> str:
    """Return how a fact that is wanted is called.

    Examples
    --------
    >>> slot("pet", "Ana Varga")
    'the pet of Ana Varga'
    """
    return f"the {label} of {person}"


def label_and_person(text: str) -> tuple[str, str] | None:
    """Return relation and person of a slot, None for one that is not of this language.

    Examples
    --------
    >>> label_and_person("the pet of Ana Varga"), label_and_person("the weather")
    (('pet', 'Ana Varga'), None)
    """
    found = _SLOT.fullmatch(text.strip())
    return (found[1], found[2]) if found and found[1] in RELATIONS else None


def mentions(text: str) -> tuple[str, ...]:
    """Return the slots that a text names, each once, in order.

    Examples
    --------
    >>> mentions("Do you know the pet of Ana Varga?")
    ('the pet of Ana Varga',)
    """
    found = [slot(match[1], match[2]) for match in _SLOT.finditer(text) if match[1] in RELATIONS]
    return tuple(dict.fromkeys(found))


def find(label: str, lines: Iterable[tuple[str, str]]) -> list[Found]:
    """Return who is said to have which value of a relation.

    Parameters
    ----------
    label
        Of the relation.
    lines
        Sender and text each.

    Examples
    --------
    >>> find("pet", [("Ana", "My pet is a parrot, of all animals."), ("Ben", "Ana's pet is a parrot, or so I hear.")])
    [Found(person='Ana', value='parrot', line=0), Found(person='Ana', value='parrot', line=1)]
    """
    readers = RELATIONS[label].readers
    found = []
    for number, (sender, text) in enumerate(lines):
        for piece, expression in readers:
            if piece in text and (match := expression.search(text)):
                found.append(Found(match.groupdict().get("who") or sender, match["value"], number))
                break
    return found


@lru_cache(maxsize=1024)
def _expression(template: str, pattern: str) -> re.Pattern[str]:
    blanks = {"value": f"(?P<value>{pattern})", "who": f"(?P<who>{NAME})"}
    pieces = _BLANK.split(template)
    return re.compile("".join(blanks[piece] if odd % 2 else re.escape(piece) for odd, piece in enumerate(pieces)))


def _longest(template: str) -> str:
    return max(_BLANK.split(template)[::2], key=len)


def parts_of(day: str) -> tuple[str, str, str]:
    """Return the labels under which somebody's day is known: until noon, until five, and after it.

    Examples
    --------
    >>> parts_of("Friday")
    ('Friday morning', 'Friday afternoon', 'Friday evening')
    """
    return f"{day} morning", f"{day} afternoon", f"{day} evening"


def _part(label: str) -> Relation:
    return Relation(
        label,
        (),
        (
            f"My {label} is like this: {{value}}, and that is all.",
            f"For the {label} I have {{value}}, nothing else.",
            f"As to {label}, it is {{value}} for me.",
        ),
        (f"{{who}}'s {label} is like this: {{value}}, and that is all.",),
        synonyms=("plan", "busy"),
        pattern=_SPANS,
    )


def _numbers(first: int, last: int, step: int = 1) -> tuple[str, ...]:
    return tuple(map(str, range(first, last + 1, step)))


def _said(words: str) -> tuple[str, ...]:
    return tuple(words.split(", "))


_FACTS: Sequence[Relation] = (
    Relation(
        "pet",
        _said(
            "parrot, tortoise, ferret, beagle, hamster, iguana, goldfish, rabbit, gecko, donkey, magpie, poodle, "
            "hedgehog, canary, python, alpaca, whippet, axolotl, chinchilla, cockatoo"
        ),
        ("My pet is a {value}, of all animals.", "I now keep a {value} as a pet, can you believe it?"),
        ("{who}'s pet is a {value}, or so I hear.",),
        ("The petshop on the corner is closing down.", "A petsitter costs more than I earn.", "Petfood is dear too."),
        ("The {value} has chewed through my phone cable again and then fell asleep on the clean laundry.",),
        ("animal", "keep", "feeding"),
    ),
    Relation(
        "allergy",
        _said(
            "peanuts, shrimp, pollen, penicillin, latex, strawberries, soy, sesame, celery, mustard, lupin, wool, "
            "nickel, walnuts, kiwi, oysters, buckwheat, cinnamon, mould, ragweed"
        ),
        ("My allergy is {value}, so please keep it away.", "They tested me and the allergy is {value} after all."),
        ("{who}'s allergy is {value}, be careful with the buffet.",),
        ("Allergic people never get a straight answer.", "Nobody lists allergens here.", "An allergist takes months."),
        ("I swelled up like a balloon in the end and all because of some {value} that nobody had told me about.",),
        ("intolerance", "avoid", "reaction"),
    ),
    Relation(
        "instrument",
        _said(
            "cello, oboe, banjo, trombone, harp, bassoon, mandolin, clarinet, accordion, viola, tuba, sitar, ukulele, "
            "piccolo, dulcimer, saxophone, zither, bugle, xylophone, lute"
        ),
        ("The instrument I play is the {value}, badly.", "My instrument will always be the {value}, I think."),
        ("{who}'s instrument is the {value}, you can hear it at night.",),
        ("Instrumentarium is such a grand word.", "The instrumentmaker moved away.", "Instrumentcases weigh so much."),
        ("The neighbours knock on the wall as soon as I take the {value} out of its case after eight.",),
        ("play", "music", "lessons"),
    ),
    Relation(
        "birthplace",
        _said(
            "Lisbon, Tromso, Graz, Galway, Tartu, Bergen, Parma, Cadiz, Lublin, Varna, Nantes, Dundee, Aarhus, Kaunas, "
            "Mainz, Trieste, Szeged, Rennes, Turku, Zadar"
        ),
        ("My birthplace is {value}, as my passport says.", "I tell everyone that the birthplace was {value}, proudly."),
        ("{who}'s birthplace is {value}, hence the accent.",),
        ("A birthday far from everyone is odd.", "Birthrates are falling, they say.", "Birthmarks run in my family."),
        ("My mother had to take the night train to {value} and there I came, two weeks too early.",),
        ("born", "hometown", "grew"),
    ),
    Relation(
        "street",
        _said(
            "Harbour Row, Mill Lane, Oak Terrace, Chapel Rise, Castle Hill, Quarry Bank, Orchard Close, Abbey Walk, "
            "Foundry Yard, Meadow Way, Station Parade, Linden Grove, Bridge End, Cooper Wharf, Tanner Gate, "
            "Priory Court, Weaver Square, Saddler Mews, Beacon View, Ferry Steps"
        ),
        ("My new street is {value}, do come by.", "The street where I live is called {value}, easy to find."),
        ("{who}'s street is {value}, just past the church.",),
        ("The streetlamps have been out for days.", "Streetcars never come on time.", "Streetwise I am not, alas."),
        ("The boxes are all in {value} now and the kettle is somewhere at the bottom of one of them.",),
        ("address", "live", "moved"),
    ),
    Relation(
        "hobby",
        _said(
            "origami, falconry, fencing, beekeeping, pottery, archery, geocaching, juggling, calligraphy, macrame, "
            "astronomy, weaving, genealogy, kayaking, birding, whittling, topiary, parkour, quilting, curling"
        ),
        ("My hobby these days is {value}, I am hooked.", "As a hobby I have taken up {value}, finally."),
        ("{who}'s hobby is {value}, every weekend.",),
        ("Hobbyists talk about nothing else.", "That hobbyroom is full to the ceiling.", "Hobbyhorses everywhere."),
        ("Every Sunday now goes into {value} and I would not give those hours away for anything.",),
        ("pastime", "spare", "weekends"),
    ),
    Relation(
        "workplace",
        _said(
            "bakery, shipyard, observatory, library, brewery, nursery, courthouse, aquarium, printworks, dairy, "
            "lighthouse, sawmill, pharmacy, theatre, museum, quarry, orchard, hospice, airfield, vineyard"
        ),
        ("My workplace is the {value}, since spring.", "The workplace is a {value} this time, so I get up early."),
        ("{who}'s workplace is the {value}, behind the park.",),
        ("Workmates can be such fun.", "Workwear never fits anyone.", "Workload is the word of the year."),
        ("I locked up the {value} as the last one out and the alarm went off all the same.",),
        ("job", "employer", "office"),
    ),
    Relation(
        "club",
        _said(
            "rowing, chess, choir, judo, hiking, bridge, rugby, cricket, sailing, debating, gliding, cycling, "
            "badminton, climbing, swimming, gardening, bowling, hockey, rambling, drama"
        ),
        ("My club is the {value} one, on Tuesdays.", "The club I joined is for {value}, and the people are kind."),
        ("{who}'s club is the {value} one, as ever.",),
        ("The clubhouse roof leaks once more.", "Clubnights are too loud for me.", "Clubmates brought cake."),
        ("I can hardly move my arms after {value} last night, and they want me back on Thursday.",),
        ("member", "joined", "team"),
    ),
    Relation(
        "dish",
        _said(
            "moussaka, pierogi, paella, goulash, risotto, ramen, tagine, borscht, lasagne, ceviche, gnocchi, bibimbap, "
            "ratatouille, schnitzel, falafel, biryani, haggis, chowder, laksa, fondue"
        ),
        ("My dish of all dishes is {value}, with no contest.", "The dish I always order is {value}, I never tire."),
        ("{who}'s dish is {value}, if you want to please them.",),
        ("The dishwasher has given up.", "Dishcloths vanish in this house.", "Dishware from my aunt is all chipped."),
        ("I could eat {value} three days in a row and would still scrape the pot on the fourth.",),
        ("food", "favourite", "cook"),
    ),
    Relation(
        "floor",
        _numbers(2, 40),
        ("My floor is number {value}, the view is fine.", "I live on floor {value} of the tower."),
        ("{who}'s floor is number {value}, and the lift is slow.",),
        ("Floorboards creak all night here.", "The floorplan was drawn by a child.", "Floorlamps are on sale."),
        ("The lift was stuck so I carried it all up to the {value} by hand and then could not find my key.",),
        ("storey", "stairs", "level"),
    ),
    Relation(
        "arrival year",
        _numbers(1971, 2019),
        ("My arrival year is {value}, I still have the ticket.", "The arrival year in my papers is {value}, no less."),
        ("{who}'s arrival year is {value}, before the bridge was built.",),
        ("The yearbook has a terrible photo of me.", "Yearlings are in the field again.", "Yearlong works on my road."),
        ("It was the summer of {value} when I got off the ferry here with two bags and no coat.",),
        ("came", "moved", "since"),
    ),
    Relation(
        "house number",
        _numbers(41, 199),
        ("My house number is {value}, with the green door.", "Look for house number {value} when you come to mine."),
        ("{who}'s house number is {value}, on the left.",),
        ("Housemates never buy salt.", "Houseplants die when I look at them.", "A housewarming would be a good idea."),
        ("The parcel went to a stranger again because the {value} on my gate has lost a screw and hangs upside down.",),
        ("door", "address", "corner"),
    ),
)

RELATIONS: Mapping[str, Relation] = MappingProxyType(
    {one.label: one for one in (*_FACTS, *(_part(label) for day in DAYS for label in parts_of(day)))}
)
"""All relations by label; those of the parts of a day come last and have no values of their own."""
