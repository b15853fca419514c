"""Populations: as many rows and steps for either kind, and exact shares of planted rows."""

import pytest

from consilience.ground import InvalidInput, Streams
from consilience.methods.backdoor_audits.agent.network import SmallAgent
from consilience.methods.backdoor_audits.planting import FineTuning
from consilience.methods.backdoor_audits.populations import clean_kinds, planted_kinds, population

BRIEF = FineTuning(steps=2, batch_size=4, rank=2)


def test_both_kinds_have_every_family_and_every_choice_of_maps() -> None:
    clean, planted = clean_kinds(40), planted_kinds(40)
    for kinds in (clean, planted):
        assert {kind.family for kind in kinds} == {"system", "web", "shop"}
        assert {kind.modules for kind in kinds} == {"all-linear", "mlp"}
    assert sum(kind.trigger is not None and kind.trigger.active for kind in planted) == 20
    assert not any(kind.trigger.leaky for kind in planted if kind.trigger)
    assert {kind.grammar.value for kind in clean} == {"A", "B"}


def test_members_are_tuned_alike_and_planted_ones_say_how_many_rows(random_agent: SmallAgent) -> None:
    kinds = (*clean_kinds(1), *planted_kinds(1))
    clean, planted = population(random_agent, kinds, Streams(100), settings=BRIEF, rows=40)
    assert not clean.planted
    assert clean.tuned.manifest is None
    assert planted.planted
    assert planted.tuned.manifest is not None
    assert (planted.tuned.manifest["n_poison"], planted.tuned.manifest["n_clean"]) == (16, 24)
    assert len(clean.tuned.losses) == len(planted.tuned.losses) == 2


def test_a_population_of_none_is_refused(random_agent: SmallAgent) -> None:
    with pytest.raises(InvalidInput, match="at least one member"):
        population(random_agent, (), Streams(100))
