"""Labels: what kind of thing a message tells, and the same thing told coarsely.

A label is given by a person, or found by the fixed rules below. Where a person has given one, it stands; a secret is
found all the same, for nobody is asked to mark each of them. Rules of this kind miss things: what must not be told is
better labelled by hand, or put under a rule for every label.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache, partial
from types import MappingProxyType
from typing import Final

__all__ = ["LABELS", "OTHER", "SECRET", "coarse", "forget_texts", "labels_of", "said_labels", "telling"]

LABELS: Final = ("schedule", "place", "contact", "health", "money", "secret")
"""The labels that are found by rules; a person may give others."""
SECRET: Final = "secret"  # noqa: S105  a label, no password
"""The label that no rule for every label means."""
OTHER: Final = "other"
"""The label of what has none."""

_DAYS = "monday|tuesday|wednesday|thursday|friday|saturday|sunday"
_MONTHS = (
    "january|february|march|april|june|july|august|september|october|november|december|jan|feb|apr|jun|jul|aug|sept?|"
    "oct|nov|dec"
)
_EMAIL = r"[\w.+-]{1,64}@[\w-]{1,64}\.\w[\w.-]{0,64}"
_PHONE = r"(?<![\w.:-])\+?\(?[0-9](?:[ ()./-]{0,2}[0-9]){7,16}(?![\w:])"
_DATE = r"\b[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}\b|\b[0-9]{1,2}[./][0-9]{1,2}[./](?:[0-9]{4}|[0-9]{2})\b"
_CLOCK = r"\b([0-9]{1,2})(?:[:h]([0-9]{2}))?\s?([ap])\.?m\b\.?|\b([0-9]{1,2})[:h]([0-9]{2})\b"

_FOUND_BY: Mapping[str, re.Pattern[str]] = MappingProxyType(
    {
        "schedule": re.compile(
            rf"[0-9][:h][0-9]{{2}}\b|[0-9]\s?[ap]\.?m\b|[0-9]{{4}}-[0-9]|\b(?:{_DAYS}|{_MONTHS}|today|tonight|tomorrow|"
            r"yesterday|noon|midnight|o'clock|appointments?|meetings?|calendar|schedule|busy|available)\b"
        ),
        "place": re.compile(
            r"\b(?:street|road|lane|avenue|boulevard|square|address|postcode|zip code|house number|floor|flat|"
            r"apartment|hotel|airport|birthplace|neighbourhood|coordinates|(?:live|lives|living|born|moved|staying|"
            r"stay|meet|meeting) (?:in|at|on|to|near))\b"
        ),
        "contact": re.compile(
            rf"@\w|https?://|\b(?:phone|mobile|telephone|e-?mail|whatsapp|telegram|fax)\b|{_PHONE}",
        ),
        "health": re.compile(
            r"\b(?:doctor|dentist|hospital|clinic|surgery|surgeon|therapy|therapist|psychiatrist|psychologist|"
            r"diagnos\w+|allerg\w+|disease|illness|ill|sick|fever|flu|covid|cancer|tumou?r|diabet\w+|asthma|migraine|"
            r"depress\w+|anxiety|panic attacks?|autis\w+|adhd|hiv|aids|pregnan\w+|miscarriage|abortion|ivf|"
            r"contracepti\w+|medicine|medication|pills?|prescription|antibiotics?|insulin|chemo\w*|vaccin\w+|"
            r"blood (?:test|pressure|type)|symptoms?|rehab|overdose|suicid\w+|injur\w+|fracture|x-?ray|mri|biopsy)\b"
        ),
        "money": re.compile(
            r"[$€£¥₹]|\b(?:salary|salaries|wages?|income|bonus|rent|mortgage|loan|debts?|owe[sd]?|bankrupt\w*|"
            r"bank account|iban|credit card|overdraft|savings|pension|tax(?:es)?|inherit\w+|invoice|euros?|dollars?|"
            r"pounds?|[0-9]+ ?(?:eur|usd|gbp|chf))\b|\b[a-z]{2}[0-9]{2}(?: ?[a-z0-9]{4}){3,}"
        ),
        SECRET: re.compile(
            r"\bpass(?:word|code|phrase)s?\b|\bpin\b|\bsecrets?\b|\bconfidential\w*|\bclassified\b|"
            r"\bbetween (?:us|you and me|ourselves)\b|\bkeep (?:it|this|that) (?:quiet|to yourself)\b|"
            r"\b(?:don'?t|do not|never|must not|mustn'?t) (?:ever )?tell (?:any|him|her|them|my|your|a soul)|"
            r"\b(?:no ?body|no one) (?:else )?(?:knows? (?:about |of )?(?:it|this|that|yet)|"
            r"(?:may|must|should|can) know)\b|"
            r"\boff the record\b|\bprivate key\b|\bapi key\b|\b(?:access )?token\b|\bpromise not to tell\b|"
            r"\b(?=[a-z0-9]{0,40}[0-9])(?=[a-z0-9]{0,40}[a-z])[a-z0-9]{10,}\b"
        ),
    }
)

_WEEKDAY = re.compile(rf"\b(?:{_DAYS})\b", re.IGNORECASE)
_PARTS_OF_DAY = ((5, "night"), (12, "morning"), (17, "afternoon"), (22, "evening"), (24, "night"))
_PARTS = re.compile(r"\b(?:morning|afternoon|evening|night)s?\b", re.IGNORECASE)
_FINE = re.compile(rf"(?P<contact>{_EMAIL}|https?://\S+)|(?P<date>{_DATE})|(?P<phone>{_PHONE})")
_CLOCKS = re.compile(_CLOCK, re.IGNORECASE)
_YEAR = re.compile(r"\b(?:19|20)[0-9]{2}\b")
_NUMBER = re.compile(r"(?:about )?(?<![\w])[0-9]+(?:[.,][0-9]+)*(?!\w)")
_MIXED = re.compile(r"\b(?=\w*[0-9])(?![0-9]+\b)(?![0-9]{3}0s\b)\w+")
_NAME = re.compile(r"(?<=[a-z,;] )[A-Z][\w'-]*(?: [A-Z][\w'-]*)*")
_FEW = 10
_NOTHING_FOUND = frozenset({OTHER})


def said_labels(label: str) -> frozenset[str]:
    """Return the labels that a person has given, which are separated by commas.

    Examples
    --------
    >>> sorted(said_labels("Health, money"))
    ['health', 'money']
    """
    return frozenset(part.strip().lower() for part in label.split(",") if part.strip())


def labels_of(text: str, given: str = "") -> frozenset[str]:
    """Return what kinds of thing a text tells.

    Parameters
    ----------
    text
        The message.
    given
        Labels that a person gave it.

    Examples
    --------
    >>> sorted(labels_of("The dentist is on Friday at 10:15."))
    ['health', 'schedule']
    >>> sorted(labels_of("The dentist is on Friday at 10:15.", "schedule")), labels_of("So it goes.")
    (['schedule'], frozenset({'other'}))
    """
    found = _found(text)
    if given and (said := said_labels(given)):
        return said | (found & {SECRET})
    return found or _NOTHING_FOUND


def telling(kinds: Iterable[str]) -> Callable[[str], bool]:
    """Return what says whether a text tells something of one of some kinds; what else it tells is not looked for.

    Parameters
    ----------
    kinds
        Some of `LABELS`.

    Examples
    --------
    >>> tells = telling(["money", "health"])
    >>> tells("The dentist is on Friday at 10:15."), tells("See you on Friday.")
    (True, False)
    """
    looks = [_TELLS[kind] for kind in kinds]
    return looks[0] if len(looks) == 1 else lambda text: any(look(text) for look in looks)


def _folded(text: str) -> str:
    return text.lower().replace("’", "'")


@lru_cache(maxsize=65536)
def _found(text: str) -> frozenset[str]:
    folded = _folded(text)
    return frozenset(label for label, pattern in _FOUND_BY.items() if pattern.search(folded))


def _has(pattern: re.Pattern[str], text: str) -> bool:
    return pattern.search(_folded(text)) is not None


_TELLS = MappingProxyType(
    {kind: lru_cache(maxsize=65536)(partial(_has, pattern)) for kind, pattern in _FOUND_BY.items()}
)
"""What looks for one kind alone, and knows the texts that it has looked at."""


@lru_cache(maxsize=16384)
def coarse(text: str, labels: frozenset[str] = frozenset()) -> str:
    """Return what may be told of a text where only the coarse of it may.

    Of a schedule it is the day and its part; elsewhere times become parts of the day, dates some day, numbers one
    figure, years a decade, and ways to reach somebody nothing; names that follow a word go with a place, and words of
    illness with health.

    Parameters
    ----------
    text
        The message.
    labels
        Of the message.

    Examples
    --------
    >>> coarse("My Friday morning: 8:00-9:30 choir, and that is all.", frozenset({"schedule"}))
    'busy on Friday, morning'
    >>> coarse("I earn 41,350 since 1998, call +49 170 5551234.", frozenset({"money"}))
    'I earn about 40000 since 1990s, call (withheld).'
    """
    if "schedule" in labels and _CLOCKS.search(text):
        days = [day.capitalize() for day in _WEEKDAY.findall(text)]
        parts = [part.lower() for part in _PARTS.findall(text)] + [_part(one) for one in _CLOCKS.finditer(text)]
        return f"busy on {', '.join(dict.fromkeys([*days, *parts]))}"
    told = _FINE.sub(lambda one: "some day" if one["date"] else "(withheld)", text)
    told = _CLOCKS.sub(_part, told)
    told = _YEAR.sub(lambda one: f"{one[0][:3]}0s", told)
    told = _MIXED.sub("(withheld)", told)
    told = _NUMBER.sub(_rounded, told)
    if "place" in labels:
        told = _NAME.sub(lambda one: one[0] if _WEEKDAY.fullmatch(one[0]) else "somewhere", told)
    if "health" in labels:
        told = re.sub(_FOUND_BY["health"].pattern, "(withheld)", told, flags=re.IGNORECASE)
    return told


def _part(clock: re.Match[str]) -> str:
    hour = int(clock[1] or clock[4])
    if clock[3]:
        hour = hour % 12 + (12 if clock[3].lower() == "p" else 0)
    return next((part for end, part in _PARTS_OF_DAY if hour < end), "night")


def _rounded(number: re.Match[str]) -> str:
    digits = number[0].removeprefix("about ").replace(",", "").partition(".")[0].lstrip("0") or "0"
    if len(digits) == 1:
        return "a few" if 1 < int(digits) < _FEW else digits
    first = min(9, int(digits[0]) + (digits[1] >= "5"))
    return f"about {first}{'0' * (len(digits) - 1)}"


def forget_texts() -> None:
    """Forget the texts that were kept so that they need not be read twice."""
    for kept in (_found, coarse, *_TELLS.values()):
        kept.cache_clear()
