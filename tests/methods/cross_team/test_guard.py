from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilience.dialogue.work.artifact import Artifact
from consilience.dialogue.work.kinds.repository import Repository, rendered
from consilience.methods.cross_team.guard import Candidate, best_of, objection
from consilience.methods.cross_team.rating import Rating

KIND = Repository()


@dataclass(frozen=True, kw_only=True)
class Marked(Rating):
    mark: float = 0.0

    @property
    def value(self):
        return self.mark


def program(*paths):
    return KIND.read(rendered({path: f"print({path!r})\n" for path in paths}))


def parent(name, mark, *paths):
    return Candidate(name, program(*paths), Marked(usable=True, mark=mark))


PARENTS = [parent("A", 0.5, "main.py", "a.py"), parent("B", 0.8, "main.py", "a.py", "b.py")]
GOOD = Marked(usable=True, mark=0.8)


def test_a_merge_as_good_as_its_best_parent_passes():
    assert objection(program("main.py", "a.py"), GOOD, PARENTS) == ""
    assert objection(program("main.py", "a.py", "c.py"), Marked(usable=True, mark=0.9), PARENTS) == ""


@pytest.mark.parametrize(
    ("merge", "rating", "says"),
    [
        (KIND.read(""), Marked(usable=False), "it cannot be used: no file was found"),
        (program("main.py", "a.py"), Marked(usable=True, mark=0.7999, fault="f fails"), "and B 0.800: f fails"),
        (program("main.py"), Marked(usable=True, mark=1.0), "leaves out what all of its parents have: a.py"),
        (program("other.py"), Marked(usable=True, mark=1.0), "all of its parents have: a.py, main.py"),
    ],
)
def test_a_merge_that_lost_something_does_not(merge, rating, says):
    assert says in objection(merge, rating, PARENTS)


def test_a_parent_without_files_does_not_make_files_optional():
    nonsense = Candidate("C", KIND.read("I cannot help with that."), Marked(usable=False))
    assert "leaves out" in objection(program("main.py"), GOOD, [*PARENTS, nonsense])


def test_work_that_is_no_program_has_no_files_to_lose():
    stories = [Candidate(name, Artifact(f"story {name}"), Marked(usable=True, mark=1.0)) for name in "AB"]
    assert objection(Artifact("another story"), Marked(usable=True, mark=1.0), stories) == ""


@given(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=1, max_size=9))
def test_of_equals_the_first_is_the_best(marks):
    parents = [Candidate(f"T{at}", Artifact(str(at)), Marked(usable=True, mark=mark)) for at, mark in enumerate(marks)]
    assert best_of(parents).name == f"T{marks.index(max(marks))}"
