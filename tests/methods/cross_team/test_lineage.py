"""Lineage: a part belongs to whoever had it first in its form, whatever the order in which things came."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from consilience.dialogue.work.artifact import Artifact
from consilience.dialogue.work.kinds.repository import rendered
from consilience.ground.errors import InvalidInput
from consilience.methods.cross_team.lineage import Lineage, Origin, differences, pieces_of
from consilience.methods.cross_team.studies.histories import drawn

F, G, H = ("def f():\n    return 1\n", "def g():\n    return 2\n", "def h():\n    return 3\n")


def work(**files: str) -> Artifact:
    return Artifact(rendered({f"{name}.py": text for name, text in files.items()}))


def told(lineage: Lineage, artifact: Artifact) -> dict[str, str]:
    return {part: str(origin) for part, origin in lineage.of(artifact).items()}


# --- laws -------------------------------------------------------------------------------------------------------------


def test_every_part_of_every_work_is_answered_and_by_an_ancestor() -> None:
    history = drawn(np.random.default_rng(1))
    for element, artifact in history.works.items():
        answers = history.lineage.of(artifact)
        assert answers.keys() == pieces_of(artifact).keys()
        ancestors, waiting = {element}, [element]
        while waiting:
            parents = history.lineage.parents(waiting.pop())
            ancestors.update(parents)
            waiting.extend(parents)
        assert {origin.element for origin in answers.values()} <= ancestors


def test_who_wrote_is_told_rightly() -> None:
    history = drawn(np.random.default_rng(2))
    for element, artifact in history.works.items():
        functions = {
            part.partition("::")[2]: one.element for part, one in history.lineage.of(artifact).items() if "::" in part
        }
        assert functions == history.truth[element]


def test_order_of_recording_does_not_matter() -> None:
    rows = [
        ("A/p", work(main=F), []),
        ("B/p", work(main=G), []),
        ("C/p", work(main=F + G), []),
        ("k+0.0", work(main=F + H), ["A/p", "B/p", "C/p"]),
    ]
    digests, answers = set(), set()
    for order in itertools.permutations(rows[:3]):
        lineage = Lineage()
        for row in (*order, rows[3]):
            lineage.record(*row)
        digests.add(lineage.digest)
        answers.add(tuple(told(lineage, rows[3][1]).items()))
    assert len(digests) == len(answers) == 1


@given(some.text(max_size=60))
def test_any_text_has_a_lineage(text: str) -> None:
    lineage = Lineage()
    lineage.record("A/p", Artifact(text))
    assert {str(origin) for origin in lineage.of(Artifact(text)).values()} == {"team A"}


def test_layout_comments_and_docstrings_are_no_form() -> None:
    dressed = "def f( ):\n    '''One.'''\n    # one\n    return  1\n"
    assert pieces_of(work(main=F)) == pieces_of(work(main=dressed))
    assert pieces_of(work(main=F)) != pieces_of(work(main=F.replace("1", "2")))


# --- who it was -------------------------------------------------------------------------------------------------------


def test_a_merge_owns_what_it_wrote_and_nothing_else() -> None:
    lineage = Lineage()
    lineage.record("A/p", work(main=F))
    lineage.record("B/p", work(main=G))
    merge = work(main=F + G + H)
    lineage.record("k+0.0", merge, ["A/p", "B/p"])
    assert told(lineage, merge) == {
        "main.py": "merge k+0.0",
        "main.py::f": "team A",
        "main.py::g": "team B",
        "main.py::h": "merge k+0.0",
    }


def test_a_function_that_moves_stays_whose_it_was() -> None:
    lineage = Lineage()
    lineage.record("A/p", work(main=F))
    lineage.record("B/q", moved := work(main=G, other=F), ["A/p"])
    assert told(lineage, moved)["other.py::f"] == "team A"
    assert lineage.of(moved)["other.py"] == Origin("A/p")


def test_of_two_that_had_the_same_apart_the_first_team_counts() -> None:
    lineage = Lineage()
    for team in ("AA", "C", "B"):
        lineage.record(f"{team}/p", work(main=F))
    lineage.record("k+0.0", both := work(main=F + G), ["AA/p", "C/p", "B/p"])
    assert told(lineage, both)["main.py::f"] == "team B"


def test_what_a_merge_changed_and_a_team_brought_back_is_the_first_ones() -> None:
    lineage = Lineage()
    lineage.record("A/p", work(main=F))
    lineage.record("k+0.0", work(main=F.replace("1", "7")), ["A/p"])
    lineage.record("B/q", back := work(main=F), ["k+0.0"])
    assert told(lineage, back)["main.py::f"] == "team A"


def test_an_element_that_records_again_builds_on_what_it_had() -> None:
    lineage = Lineage()
    lineage.record("A/p", work(main=F))
    lineage.record("A/p", second := work(main=F + G))
    assert told(lineage, second)["main.py::f"] == "team A"
    assert lineage.artifact("A/p") == second
    with pytest.raises(InvalidInput, match="record it first"):
        lineage.of(Artifact("another"))


def test_files_that_are_no_python_are_told_by_their_text() -> None:
    files = {"main.py": F, "data.json": "{}", "broken.py": "def f(:\n"}
    lineage = Lineage()
    lineage.record("A/p", artifact := Artifact(rendered(files)))
    assert list(lineage.of(artifact)) == ["main.py", "main.py::f", "data.json", "broken.py"]


def test_functions_of_one_name_are_told_apart() -> None:
    assert list(pieces_of(work(main=F + F.replace("1", "2")))) == ["main.py", "main.py::f", "main.py::f#2"]


# --- bad input --------------------------------------------------------------------------------------------------------


def test_unknown_parents_and_works_are_named() -> None:
    lineage = Lineage()
    with pytest.raises(InvalidInput, match="'B/p' was not: record it first"):
        lineage.record("A/p", Artifact("x"), ["B/p"])
    with pytest.raises(InvalidInput, match="no element made the artifact"):
        lineage.of(Artifact("x"))
    with pytest.raises(InvalidInput, match="got 'C/p'"):
        lineage.parents("C/p")


# --- differences ------------------------------------------------------------------------------------------------------


def test_differences_leave_out_what_is_the_same_and_name_what_is_new_or_gone() -> None:
    found = differences(work(main=F, old=G), work(main=F, new=H))
    assert list(found) == ["old.py", "new.py"]
    assert found["old.py"].splitlines()[:2] == ["--- parent/old.py", "+++ /dev/null"]
    assert "+def h():" in found["new.py"]
    assert differences(work(main=F), work(main=F)) == {}


def test_a_program_may_be_as_deep_as_python_reads_it() -> None:
    branches = "".join(f"    elif x == {at}:\n        return {at}\n" for at in range(1, 600))
    deep = f"def f(x):\n    if x == 0:\n        return 0\n{branches}"
    lineage = Lineage()
    lineage.record("A/coding", work(main=deep))
    lineage.record("B/coding", work(main=f"{deep}\n# a remark\n{G}"), ["A/coding"])
    lineage.record("C/coding", work(main=deep.replace("return 599", "return 600")), ["A/coding"])
    assert told(lineage, work(main=f"{deep}\n# a remark\n{G}"))["main.py::f"] == "team A"
    assert told(lineage, work(main=deep.replace("return 599", "return 600")))["main.py::f"] == "team C"
