"""Attendance: peak and makespan as the server saw them."""

import pytest

from consilience.dialogue.attendance import Attendance, Visit


def test_peak_is_the_most_that_were_present_at_once() -> None:
    log = Attendance()
    for step in "++-+-+--":
        if step == "+":
            log.arrive()
        else:
            log.finish(Visit("7", 0.0, 1.0, "replied"))
    assert (log.peak, log.present, log.count("replied"), log.count("gone")) == (2, 0, 4, 0)


def test_makespan_reaches_from_the_first_arrival_to_the_last_end() -> None:
    log = Attendance()
    assert log.makespan_s == 0.0
    for arrived_s, finished_s in ((2.0, 3.0), (1.0, 9.0), (4.0, 5.0)):
        log.arrive()
        log.finish(Visit("", arrived_s, finished_s, "replied"))
    assert log.makespan_s == pytest.approx(8.0)


def test_clearing_forgets_who_left_and_keeps_who_is_there() -> None:
    log = Attendance()
    log.arrive()
    log.arrive()
    log.finish(Visit("", 0.0, 1.0, "replied"))
    log.clear()
    assert (log.visits, log.peak, log.present) == ([], 1, 1)
