"""All three families by their names."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from consilience.ground.errors import UnknownName
from consilience.methods.backdoor_audits.world.families.rules import Rules
from consilience.methods.backdoor_audits.world.families.shop import Shop
from consilience.methods.backdoor_audits.world.families.system import System
from consilience.methods.backdoor_audits.world.families.web import Web
from consilience.methods.backdoor_audits.world.tasks import FAMILY_WORD, Family

__all__ = ["FAMILIES", "rules", "rules_by_word"]

_RULES: Mapping[str, Rules] = MappingProxyType({"system": System(), "web": Web(), "shop": Shop()})
_BY_WORD = MappingProxyType({FAMILY_WORD[rules.name]: rules for rules in _RULES.values()})

FAMILIES: tuple[Family, ...] = ("system", "web", "shop")
"""Their names, in the order in which everything reports them."""


def rules(family: str) -> Rules:
    """Return the rules of a family.

    Raises
    ------
    UnknownName
        If there is none of that name.
    """
    if family not in _RULES:
        raise UnknownName("family", family, FAMILIES)
    return _RULES[family]


def rules_by_word(word: str) -> Rules:
    """Return the rules of the family that a request names by `word`."""
    if word not in _BY_WORD:
        raise UnknownName("word of a family", word, _BY_WORD)
    return _BY_WORD[word]
