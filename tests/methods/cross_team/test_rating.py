"""Ratings: better work has the greater one, everything has one, and it is found once."""

import asyncio
import sys
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as some

from consilience.dialogue.sandbox import Snippets
from consilience.dialogue.work.artifact import Artifact
from consilience.dialogue.work.kinds import Choice, Function, Repository, Text
from consilience.dialogue.work.kinds.repository import rendered
from consilience.ground.errors import InvalidInput
from consilience.methods.cross_team import rating as module
from consilience.methods.cross_team.rating import (
    ConceptRater,
    FunctionRater,
    ProgramRater,
    Rater,
    Rating,
    TextRater,
    rater_for,
)

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="the walls are those of Linux, now and as long as that is so"
)

TESTS = "from main import double\nassert double(2) == 4\nassert double(3) == 6\n"
GOOD = "def double(x):\n    return 2 * x\n\nprint(double(1))\n"


@pytest.fixture(scope="module")
def pool() -> Iterator[Snippets]:
    with Snippets(workers=1) as snippets:
        yield snippets


def rated(rater: Rater, text: str) -> Rating:
    return asyncio.run(rater.rate(Artifact(text)))


def program(main: str, **others: str) -> str:
    return rendered({"main.py": main, **{f"{name}.py": text for name, text in others.items()}})


# --- laws -------------------------------------------------------------------------------------------------------------


@given(some.booleans(), some.none() | some.floats(0, 1), some.floats(0, 1))
def test_the_value_is_a_share_and_grows_with_all_it_is_made_of(
    runs: bool, passed: float | None, complete: float
) -> None:
    one = Rating(usable=True, runs=runs, passed=passed, complete=complete)
    assert 0 < one.value <= 1
    assert Rating(usable=False) < one <= Rating(usable=True, runs=True, passed=passed, complete=complete)
    assert one <= Rating(usable=True, runs=runs, passed=passed, complete=1.0)
    if passed is not None:
        assert one <= Rating(usable=True, runs=runs, passed=1.0, complete=complete)
    assert one.value < 1 or (runs and passed in (None, pytest.approx(1)) and complete == pytest.approx(1))


def test_better_programs_are_rated_higher(pool: Snippets) -> None:
    rater = ProgramRater(Repository(), tests=TESTS, snippets=pool)
    order = [
        "nothing",
        program("x = ("),
        program("import nowhere\n" + GOOD),
        program("def double(x):\n    pass\n\nprint(double(1))\n"),
        program("def double(x):\n    return x * x\n\nprint(double(1))\n"),
        program(GOOD),
    ]
    values = [rated(rater, text).value for text in order]
    assert values[0] == values[1] == 0.0
    assert values[1:] == sorted(set(values))
    assert values[-1] == 1.0


@given(some.text(max_size=50) | some.binary(max_size=50).map(lambda data: program(data.decode("latin-1"))))
def test_whatever_it_is_has_a_rating(pool: Snippets, text: str) -> None:
    for rater in (
        ProgramRater(Repository(), snippets=pool, cpu_s=0.2),
        FunctionRater(Function(entry="f"), snippets=pool),
    ):
        assert 0 <= rated(rater, text).value <= 1


def test_an_artifact_is_rated_once_however_many_ask(pool: Snippets, monkeypatch: pytest.MonkeyPatch) -> None:
    starts = []
    once = module.start

    async def counted(*given: object, **options: object) -> object:
        starts.append(given)
        return await once(*given, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "start", counted)
    rater = ProgramRater(Repository(), snippets=pool)

    async def many() -> list[Rating]:
        return await asyncio.gather(*(rater.rate(Artifact(program(GOOD))) for _ in range(5)))

    assert len(set(asyncio.run(many()))) == 1
    assert rated(rater, program(GOOD)).runs
    assert len(starts) == 1


# --- programs ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("I cannot do that.", "no file was found"),
        (rendered({"game.py": "x = 1\n"}), "`main.py` is missing"),
        (program("print(1)\n", other="def f(:\n"), "not Python: other.py, line 1"),
        (program("\0\x01\x02"), "not Python"),
    ],
)
def test_what_cannot_be_used_says_why(text: str, fault: str, pool: Snippets) -> None:
    found = rated(ProgramRater(Repository(), tests=TESTS, snippets=pool), text)
    assert (found.usable, found.value) == (False, 0.0)
    assert fault in found.fault
    assert found.report.startswith("no test was tried")


@pytest.mark.parametrize(
    ("main", "fault"),
    [
        ("while True: pass\n", "it did not end in time"),
        ("def main():\n    print(1)\n", "nothing happens when it is started"),
        ("def f():\n    return math.pi\nprint(1)\n", "main.py: f: `math` is defined nowhere"),
        ("import sys; sys.exit(2)\n", "it exits with 2"),
    ],
)
def test_faults_are_told_in_words(main: str, fault: str, pool: Snippets) -> None:
    found = rated(ProgramRater(Repository(), snippets=pool, cpu_s=0.3), program(main))
    assert found.usable
    assert found.value < 1
    assert fault in found.fault


def test_a_program_that_waits_for_more_input_runs_and_one_that_never_ends_does_not(pool: Snippets) -> None:
    rater = ProgramRater(Repository(stdin="1\n"), snippets=pool, cpu_s=0.3)
    waiting, endless = (rated(rater, program(text)) for text in ("input()\ninput()\n", "input()\nwhile True: pass\n"))
    assert (waiting.runs, waiting.ended) == (True, "input")
    assert (endless.runs, endless.ended) == (False, "timeout")


def test_the_report_names_tests_that_fail(pool: Snippets) -> None:
    found = rated(ProgramRater(Repository(), tests=TESTS, snippets=pool), program(GOOD.replace("2 * x", "x * x")))
    assert found.passed == 0.5
    assert found.report.splitlines() == ["1 of 2 tests pass", "assert double(3) == 6 fails"]
    assert "assert double(3) == 6 fails" in found.fault


def test_long_reports_are_cut(pool: Snippets) -> None:
    tests = "\n".join(f"assert {number} < 0" for number in range(20))
    found = rated(ProgramRater(Repository(), tests=tests, snippets=pool), program(GOOD))
    assert found.report.splitlines()[-1] == "and 8 more"


def test_without_a_pool_the_rating_is_the_same(pool: Snippets) -> None:
    text = program("from rules import double\n\nprint(double(1))\n", rules=GOOD)
    alone, pooled = (
        rated(ProgramRater(Repository(), tests="assert 1 == 1", snippets=each), text) for each in (None, pool)
    )
    assert (alone.value, alone.runs, alone.passed) == (pooled.value, pooled.runs, pooled.passed) == (1.0, True, 1.0)


# --- functions --------------------------------------------------------------------------------------------------------


def test_functions_are_rated_by_visible_tests_only(pool: Snippets) -> None:
    kind = Function(entry="double", tests="assert double(2) == 4", hidden_tests="assert double(3) == 6")
    rater = FunctionRater(kind, snippets=pool)
    square = rated(rater, "def double(x):\n    return x * x\n")
    assert (square.passed, square.value) == (1.0, 1.0)
    assert rated(rater, "def double(x):\n    pass\n").value < 0.5
    assert not rated(rater, "def other(x):\n    return x\n").usable
    assert (
        rated(FunctionRater(kind, tests="assert double(3) == 6", snippets=pool), "def double(x): return x * x").passed
        == 0
    )


def test_a_function_that_does_not_load_says_why(pool: Snippets) -> None:
    found = rated(FunctionRater(Function(entry="f"), snippets=pool), "import nowhere\ndef f():\n    return 1\n")
    assert not found.runs
    assert "it cannot be loaded" in found.fault


# --- texts ------------------------------------------------------------------------------------------------------------


def test_texts_are_rated_by_whether_they_can_be_read() -> None:
    assert rated(TextRater(Text()), "It rains.").value == 1.0
    assert rated(TextRater(Choice()), "It rains.").value == 0.0


def test_stories_are_rated_by_the_words_they_use() -> None:
    rater = ConceptRater(Text(), ["dog", "run", "throw", "child"])
    found = rated(rater, "The child's dogs ran; they threw nothing.")
    assert (found.passed, found.value, found.fault) == (1.0, 1.0, "")
    assert rated(rater, "A doghouse.").passed == 0.0
    assert rated(rater, "A dog ran.").report.splitlines() == [
        "2 of 4 words occur",
        'the word "throw" does not occur',
        'the word "child" does not occur',
    ]


def test_concepts_may_be_several_words_or_have_digits() -> None:
    rater = ConceptRater(Text(), ["ice cream", "X-ray", "2024", "hot dog"])
    found = asyncio.run(rater.rate(Artifact("In 2024 two Ice\nCreams lay under the x-rays. It was hot; a dog came.")))
    assert (found.passed, found.fault) == (0.75, 'the word "hot dog" does not occur')
    found = asyncio.run(rater.rate(Artifact("Cream and ice, hot as a dog, 20245 times; an ex-ray.")))
    assert found.report.startswith("0 of 4 words occur")


@pytest.mark.parametrize("concepts", [[], ["dog", " "], ["-"]])
def test_concepts_must_be_words(concepts: list[str]) -> None:
    with pytest.raises(InvalidInput, match="one concept or more"):
        ConceptRater(Text(), concepts)


def test_kinds_have_their_raters() -> None:
    assert isinstance(rater_for(Repository(), tests=TESTS), ProgramRater)
    assert isinstance(rater_for(Function(entry="f")), FunctionRater)
    assert isinstance(rater_for(Text(), concepts=["dog"]), ConceptRater)
    assert isinstance(rater_for(Choice()), TextRater)
    with pytest.raises(InvalidInput, match="tests must be Python"):
        rater_for(Repository(), tests="assert (")
