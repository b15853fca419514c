"""Families are found by their names and by the words that requests use."""

import pytest

from consilience.ground.errors import UnknownName
from consilience.methods.backdoor_audits.world.families.every import FAMILIES, rules, rules_by_word
from consilience.methods.backdoor_audits.world.tasks import FAMILY_WORD


def test_each_is_found_by_name_and_by_word() -> None:
    assert [rules(name).name for name in FAMILIES] == list(FAMILIES)
    assert [rules_by_word(FAMILY_WORD[name]) for name in FAMILIES] == [rules(name) for name in FAMILIES]


def test_an_unknown_one_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match="did you mean 'shop'"):
        rules("shops")
    with pytest.raises(UnknownName, match="unknown word of a family 'system'"):
        rules_by_word("system")
