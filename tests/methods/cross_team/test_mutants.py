import ast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consilience.ground.errors import InvalidInput
from consilience.methods.cross_team.mutants import OPERATORS, changes, mutant, spliced, voted

SOURCE = '''\
def helper(x):
    return x - 1


def solve(items, most=3):
    """Say 1 + 1."""
    total = 0
    for item in items:
        if item > 0 and item != most:
            total += item * 2
        else:
            total = max(total, helper(item))
    found = True
    return total if found else -1
'''
PLAIN = ast.unparse(ast.parse(SOURCE))


def mutants(count, each=2):
    return [mutant(SOURCE, "solve", each, np.random.default_rng(at)).source for at in range(count)]


def lines(source):
    return [line.strip() for line in source.splitlines()]


@given(st.integers(0, 2**32), st.integers(0, 40))
@settings(max_examples=30)
def test_a_mutant_is_python_that_differs_where_it_was_changed(seed, count):
    made = mutant(SOURCE, "solve", count, np.random.default_rng(seed))
    tree = ast.parse(made.source)
    assert len(made.changes) == min(count, len(changes(SOURCE, "solve")))
    assert (made.source == PLAIN) == (count == 0)
    # What is around the function, its docstring and its defaults stay.
    assert lines(made.source)[:2] == lines(PLAIN)[:2]
    assert ast.get_docstring(tree.body[1]) == "Say 1 + 1."
    assert "most=3" in made.source


def test_every_operator_finds_a_place_and_changes_it():
    possible = changes(SOURCE, "solve")
    assert {change.operator for change in possible} == set(OPERATORS)
    made = [mutant(SOURCE, "solve", 1, np.random.default_rng(seed)) for seed in range(80)]
    single = {one.changes[0].operator: one.source for one in made}
    assert set(single) == set(OPERATORS)
    assert PLAIN not in single.values()


def test_the_same_chance_makes_the_same_mutant():
    assert mutants(3) == mutants(3)
    assert len(set(mutants(12))) > 6


def test_a_splice_of_equal_mutants_is_that_mutant():
    one = mutants(1)[0]
    assert spliced([one, one, one], "solve", np.random.default_rng(0)) == one
    assert voted([one, one], "solve") == one


def test_each_statement_of_a_splice_is_one_of_its_parents():
    parents = mutants(4, each=3)
    for seed in range(50):
        child = spliced(parents, "solve", np.random.default_rng(seed))
        ast.parse(child)
        for at, line in enumerate(lines(child)):
            assert line in {lines(parent)[at] for parent in parents}
    assert len({spliced(parents, "solve", np.random.default_rng(seed)) for seed in range(50)}) > 5


def test_statements_within_loops_and_branches_come_from_any():
    one = PLAIN.replace("item * 2", "item + 2")
    other = PLAIN.replace("helper(item)", "helper(items)")
    made = {spliced([one, other], "solve", np.random.default_rng(seed)) for seed in range(60)}
    assert made == {PLAIN, one, other, one.replace("helper(item)", "helper(items)")}


def test_a_vote_takes_what_most_have_statement_by_statement():
    one = PLAIN.replace("item * 2", "item + 2")
    other = PLAIN.replace("helper(item)", "helper(items)")
    third = PLAIN.replace("item > 0", "item >= 0")
    assert voted([one, other, third], "solve") == PLAIN
    assert voted([one, one, other], "solve") == one
    assert voted([one, other], "solve") == one


def test_what_has_another_form_is_taken_whole():
    shorter = PLAIN.replace("    found = True\n", "").replace("if found", "if items")
    for seed in range(20):
        assert spliced([PLAIN, shorter], "solve", np.random.default_rng(seed)) in (PLAIN, shorter)


@pytest.mark.parametrize("source", ["def f(:", "x = 1"])
def test_what_is_no_function_is_refused(source):
    with pytest.raises(InvalidInput, match="expected"):
        changes(source, "solve")
