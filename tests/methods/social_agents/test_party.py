"""A party lets its agent see all that its memory has, unless it is told otherwise, and shows the last utterances."""

from consilience.methods.social_agents.party import Party
from consilience.methods.social_agents.sections import HEARD_LINES


def test_a_party_has_all_parts_of_the_method_and_keeps_nothing_back_by_default(company):
    rows = company.Rows("The dinner is on Oak Street.")
    party = Party(person=company.person("ann"), memory=rows, asks=company.Scripted({}))
    assert (party.clear, party.fuzzy, party.plan, party.heard_lines) == (True, True, True, HEARD_LINES)
    assert party.lets(rows.rows, "bea", "task") == rows.rows
    assert party.may_forward(rows.rows)
