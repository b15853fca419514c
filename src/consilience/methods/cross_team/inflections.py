"""Inflections: the forms in which an English word occurs, by rule and, for what follows none, by a small table."""

from __future__ import annotations

__all__ = ["inflections"]

_TABLE = """
be am is are was were been being, have has had having, do does did done doing, go goes went gone going,
become became, begin began begun beginning, bend bent, bite bit bitten, blow blew blown, break broke broken,
bring brought, build built, buy bought, catch caught, choose chose chosen, come came, cut cutting,
dig dug digging, draw drew drawn, drink drank drunk, drive drove driven, eat ate eaten, fall fell fallen,
feed fed, feel felt, fight fought, find found, fly flew flown flies, forget forgot forgotten forgetting,
freeze froze frozen, get got gotten getting, give gave given, grind ground, grow grew grown, hang hung,
hear heard, hide hid hidden, hit hitting, hold held, keep kept, kneel knelt, know knew known, lay laid,
lead led, lean leant, leap leapt, leave left, lend lent, let letting, lie lay lain lying, light lit,
lose lost, make made, mean meant, meet met, pay paid, put putting, read reading, ride rode ridden,
ring rang rung, rise rose risen, run ran running, say said, see saw seen, sell sold, send sent, set setting,
shake shook shaken, shine shone, shoot shot, show shown, shut shutting, sing sang sung, sink sank sunk,
sit sat sitting, sleep slept, slide slid, speak spoke spoken, spend spent, spin spun spinning,
split splitting, spread spreading, stand stood, steal stole stolen, stick stuck, sting stung, strike struck,
string strung, swim swam swum swimming, swing swung, take took taken, teach taught, tear tore torn, tell told,
think thought, throw threw thrown, understand understood, wake woke woken, wear wore worn, weave wove woven,
weep wept, win won winning, wind wound, write wrote written, child children, foot feet, goose geese,
half halves, knife knives, leaf leaves, life lives, loaf loaves, man men, mouse mice, ox oxen, person people,
self selves, shelf shelves, thief thieves, tooth teeth, wife wives, wolf wolves, woman women, calf calves,
scarf scarves, hoof hooves, die dies died dying, tie ties tied tying, good better best, bad worse worst
"""
_OTHERS: dict[str, tuple[str, ...]] = {
    words[0]: tuple(words[1:]) for line in _TABLE.replace("\n", " ").split(",") if (words := line.split())
}
_VOWELS = "aeiou"
_SHORTEST = 3


def inflections(word: str) -> frozenset[str]:
    """Return the forms of a word, lower case: plural and third person, past, participle, comparison.

    Rules are generous: forms that nobody writes do no harm where one looks for those that are there.

    Examples
    --------
    >>> sorted(inflections("carry"))
    ['carried', 'carrier', 'carries', 'carriest', 'carry', 'carrying']
    >>> "ran" in inflections("Run"), "stopped" in inflections("stop")
    (True, True)
    """
    base = word.strip().lower()
    return frozenset({base, *_OTHERS.get(base, ()), *_regular(base)})


def _regular(base: str) -> set[str]:
    if base.endswith("y") and base[-2:-1] not in _VOWELS:
        stem = base[:-1]
        return {f"{stem}ies", f"{stem}ied", f"{stem}ier", f"{stem}iest", f"{base}ing"}
    plural = f"{base}es" if base.endswith(("s", "x", "z", "ch", "sh", "o")) else f"{base}s"
    if base.endswith("e"):
        found = {f"{base}d", f"{base}r", f"{base}st", f"{base[:-1]}ing", f"{base}ing"}
    else:
        found = {f"{stem}{end}" for stem in (base, *_doubled(base)) for end in ("ed", "er", "est", "ing")}
    return {plural, f"{base}s", *found}


def _doubled(base: str) -> tuple[str, ...]:
    """Return the stem whose last letter doubles: stop, stopped."""
    closed = len(base) >= _SHORTEST and base[-1] not in f"{_VOWELS}wxy" and base[-2] in _VOWELS
    return (base + base[-1],) if closed and base[-3] not in _VOWELS else ()
