"""Courses: sittings are laid end to end, and what had begun waits when nobody works on it."""

from consilience.dialogue.command.courses import followed
from consilience.dialogue.transcript import Event

EVENTS = [
    Event("0", 0.0, "run.begins"),
    Event("1", 2.0, "asked", "a"),
    Event("2", 3.0, "committed", "a"),
    Event("3", 0.1, "run.begins"),
    Event("4", 0.2, "committed", "a"),
    Event("5", 1.0, "asked", "b"),
]


def test_sittings_are_laid_end_to_end() -> None:
    found = followed(EVENTS, "ab", over=False)
    assert (found["a"].state, found["a"].started_s, found["a"].finished_s) == ("done", 2.0, 3.0)
    assert (found["b"].state, found["b"].started_s, found["b"].finished_s) == ("running", 4.0, None)


def test_what_had_begun_waits_when_nobody_works_on_it() -> None:
    assert followed(EVENTS, "ab")["b"].state == "waiting"
    assert followed(EVENTS, "ab", asks="a")["a"].state == "asks"


def test_the_failure_of_a_call_is_not_yet_that_of_its_element() -> None:
    asked, refused = Event("0", 0.0, "asked", "a"), Event("1", 1.0, "failed", "a", ("0",), {"reason": "refused"})
    assert followed([asked, refused], "a", over=False)["a"].state == "running"
    failed = Event("2", 2.0, "failed", "a", (), {"reason": "nobody there"})
    course = followed([asked, refused, failed], "a")["a"]
    assert (course.state, course.note) == ("failed", "nobody there")


def test_a_merge_starts_its_owner_and_does_not_end_it() -> None:
    events = [Event("0", 1.0, "asked", "a+0.0"), Event("1", 2.0, "committed", "a+0.0")]
    course = followed(events, "a", owner=lambda element: element.partition("+")[0], over=False)["a"]
    assert (course.state, course.started_s) == ("running", 1.0)
