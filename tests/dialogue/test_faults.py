"""Faults: rates as asked, the same for the same question, and limits that are never exceeded."""

import math
from collections import Counter
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from consilience.dialogue.faults import Fault, Faults, Gate, Latency, RateLimit, Slots, chances, malformed
from consilience.ground import InvalidInput

KEYS = [number.to_bytes(16, "little") for number in range(20_000)]
FAULTS = get_args(Fault)
WRONG = 1e-4
"""Probability that a correct law would be refused, had the seed not been fixed."""


def test_chances_are_uniform_and_independent() -> None:
    drawn = np.array([chances("latency", 0, key) for key in KEYS])
    assert all(stats.kstest(column, "uniform").pvalue > WRONG for column in drawn.T)
    correlations = np.corrcoef(drawn.T)[np.triu_indices(4, 1)]
    assert np.abs(correlations).max() < 4 / math.sqrt(len(KEYS))


def test_chances_differ_by_purpose_seed_key_and_attempt() -> None:
    drawn = {
        chances("latency", 0, b"k"),
        chances("fault", 0, b"k"),
        chances("latency", 1, b"k"),
        chances("latency", 0, b"l"),
        chances("latency", 0, b"k", 1),
    }
    assert len(drawn) == 5
    assert all(0 < chance < 1 for four in drawn for chance in four)


def test_lognormal_latency_has_the_mean_and_the_sigma_that_were_asked_for() -> None:
    latency = Latency.lognormal(0.1, 0.8)
    drawn = np.array([latency.seconds(key) for key in KEYS])
    spread = 0.1 * math.sqrt(math.exp(0.64) - 1)
    assert abs(drawn.mean() - 0.1) < 4 * spread / math.sqrt(len(KEYS))
    assert stats.kstest((np.log(drawn / 0.1) + 0.32) / 0.8, "norm").pvalue > WRONG


def test_another_latency_seed_deals_the_times_out_anew() -> None:
    one, other = (
        np.array([Latency.lognormal(1.0, 0.5, seed=seed).seconds(key) for key in KEYS[:2000]]) for seed in (0, 1)
    )
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.1
    assert stats.ks_2samp(one, other).pvalue > WRONG


@pytest.mark.parametrize("latency", [Latency(), Latency.const(0.25), Latency.queueing(2, 0.25)])
def test_without_sigma_all_times_are_equal(latency: Latency) -> None:
    assert {latency.seconds(key) for key in KEYS[:50]} == {latency.mean_s}


def test_faults_come_at_the_rates_that_were_asked_for() -> None:
    faults = Faults(rate_limited=0.1, server_error=0.05, stall=0.02, half_json=0.08, empty=0.03, disconnect=0.12)
    seen = Counter(faults.strike(3, key, attempt) for key in KEYS[:10_000] for attempt in (0, 1))
    for fault in FAULTS:
        assert stats.binomtest(seen[fault], 20_000, getattr(faults, fault)).pvalue > WRONG, fault
    assert stats.binomtest(seen[None], 20_000, 0.6).pvalue > WRONG


def test_attempts_at_one_question_meet_their_own_chance() -> None:
    faults = Faults(server_error=0.5)
    both = np.array([[faults.strike(0, key, attempt) is None for attempt in (0, 1)] for key in KEYS[:10_000]])
    assert abs(np.corrcoef(both.T)[0, 1]) < 4 / 100


def test_malformed_texts_come_at_their_rate_whatever_else_is_asked_for() -> None:
    faults = Faults(malformed_text=0.3)
    with_errors = Faults(malformed_text=0.3, server_error=1.0)
    spoiled = [faults.spoils(0, key) for key in KEYS]
    assert stats.binomtest(sum(spoiled), len(KEYS), 0.3).pvalue > WRONG
    assert spoiled == [with_errors.spoils(0, key) for key in KEYS]


@given(st.floats(0, 1), st.floats(0, 1), st.binary(min_size=16, max_size=16))
def test_a_higher_rate_strikes_whatever_a_lower_one_struck(one: float, other: float, key: bytes) -> None:
    low, high = sorted((one, other))
    if Faults(stall=low).strike(0, key, 0):
        assert Faults(stall=high).strike(0, key, 0) == "stall"
    assert not Faults(malformed_text=low).spoils(0, key) or Faults(malformed_text=high).spoils(0, key)


def test_certain_and_impossible_faults() -> None:
    for fault in FAULTS:
        assert {Faults(**{fault: 1.0}).strike(0, key, 0) for key in KEYS[:200]} == {fault}
    assert {Faults().strike(0, key, 0) for key in KEYS[:200]} == {None}


@given(st.text(), st.floats(0, 1, exclude_min=True, exclude_max=True))
def test_a_malformed_text_is_another_text_and_not_empty(text: str, chance: float) -> None:
    spoiled = malformed(text, chance)
    assert spoiled
    assert spoiled != text or text == "I am sorry, but I cannot help with that."


@given(
    st.sampled_from(["bucket", "window"]),
    st.floats(0.5, 20),
    st.lists(st.tuples(st.floats(0, 2), st.integers(0, 60)), min_size=1, max_size=80),
)
def test_what_is_let_through_never_exceeds_the_limit(
    enforced: str, window_s: float, calls: list[tuple[float, int]]
) -> None:
    limit = RateLimit(requests_per_minute=300, tokens_per_minute=3000, enforced=enforced, window_s=window_s)
    gate, now, passed = Gate(limit), 0.0, []
    for pause, tokens in calls:
        now += pause
        if gate.admit(tokens, now) is None:
            passed.append((now, tokens))
    for first, (begin, _) in enumerate(passed):
        through, tokens = 0, 0
        for at, amount in passed[first:]:
            through, tokens = through + 1, tokens + amount
            if enforced == "window" and at - begin >= window_s:
                break
            stretch_s = window_s if enforced == "window" else window_s + at - begin
            assert through <= 5 * stretch_s + 1e-6
            assert tokens <= 50 * stretch_s + 1e-6


@given(st.sampled_from(["bucket", "window"]), st.lists(st.floats(0, 0.3), min_size=1, max_size=60))
def test_who_waits_as_told_is_let_through(enforced: str, pauses: list[float]) -> None:
    gate = Gate(RateLimit(requests_per_minute=120, tokens_per_minute=6000, enforced=enforced, window_s=1.5))
    now = 0.0
    for pause in pauses:
        now += pause
        wait_s = gate.admit(70, now)
        if wait_s is not None:
            now += wait_s * (1 + 1e-9) + 1e-9
            assert gate.admit(70, now) is None


@pytest.mark.parametrize("enforced", ["bucket", "window"])
def test_a_refusal_costs_nothing(enforced: str) -> None:
    gate = Gate(RateLimit(requests_per_minute=60, enforced=enforced, window_s=1))
    assert gate.admit(1, 0.0) is None
    assert all(gate.admit(1, 0.01 * step) is not None for step in range(1, 99))
    assert gate.admit(1, 1.0) is None


@pytest.mark.parametrize("enforced", ["bucket", "window"])
def test_what_is_larger_than_the_limit_is_never_let_through(enforced: str) -> None:
    gate = Gate(RateLimit(tokens_per_minute=600, enforced=enforced, window_s=6))
    assert gate.admit(61, 0.0) == math.inf
    assert gate.admit(60, 0.0) is None


@pytest.mark.parametrize("enforced", ["bucket", "window"])
def test_the_whole_rate_can_be_used(enforced: str) -> None:
    gate = Gate(RateLimit(requests_per_minute=600, enforced=enforced, window_s=1))
    passed = sum(gate.admit(1, step / 1000) is None for step in range(60_000))
    assert 600 <= passed <= 610


def test_a_clock_that_goes_back_lets_nobody_through_early() -> None:
    gate = Gate(RateLimit(requests_per_minute=60, enforced="window", window_s=1))
    assert gate.admit(1, 5.0) is None
    assert gate.admit(1, 4.0) == pytest.approx(1.0)


@given(st.integers(1, 4), st.lists(st.booleans(), max_size=60))
def test_slots_serve_as_many_as_they_have_in_the_order_of_arrival(count: int, steps: list[bool]) -> None:
    slots, begun, inside, number = Slots(count), [], [], 0
    for comes in steps:
        if comes:
            slots.enter(number, lambda who=number: (begun.append(who), inside.append(who)))
            number += 1
        elif inside:
            slots.leave(inside.pop(0))
        assert begun == sorted(begun)
        left = len(begun) - len(inside)
        assert len(inside) == min(count, number - left)


def test_who_gives_up_waiting_is_not_served() -> None:
    slots, begun = Slots(1), []
    for who in "abc":
        slots.enter(who, lambda who=who: begun.append(who))
    slots.leave("b")
    slots.leave("never came")
    slots.leave("a")
    slots.leave("a")
    assert begun == ["a", "c"]


def test_a_long_line_of_calls_that_leave_at_once_needs_no_deep_stack() -> None:
    slots, begun = Slots(1), []

    def passing(who: int) -> None:
        begun.append(who)
        slots.leave(who)

    slots.enter("first", lambda: None)
    for who in range(20_000):
        slots.enter(who, lambda who=who: passing(who))
    slots.leave("first")
    assert begun == list(range(20_000))


@pytest.mark.parametrize(
    ("kind", "arguments", "told"),
    [
        (Latency, {"mean_s": -1.0}, "`mean_s` must be a finite number"),
        (Latency, {"sigma": math.nan}, "`sigma` must be a finite number"),
        (Latency, {"slots": 0}, "`slots` must be at least 1"),
        (Faults, {"stall": 1.5}, "`stall` must be a probability from 0 to 1; got 1.5"),
        (Faults, {"empty": math.nan}, "`empty` must be a probability"),
        (Faults, {"stall_s": -1.0}, "`stall_s` must be a finite time"),
        (Faults, {"stall": 0.6, "empty": 0.6}, "must sum to 1 at most; got 1.2"),
        (RateLimit, {"requests_per_minute": 0.0}, "let at least 1 through"),
        (RateLimit, {"tokens_per_minute": 30.0, "window_s": 1.0}, "let at least 1 through in `window_s` = 1.0"),
        (RateLimit, {"window_s": 0.0}, "`window_s` must be a finite time above 0"),
    ],
)
def test_what_is_out_of_range_is_refused(kind: type, arguments: dict[str, float], told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        kind(**arguments)


def test_an_unknown_way_of_enforcing_is_refused(past_the_types: None) -> None:
    with pytest.raises(InvalidInput, match="must be 'bucket' or 'window'; got 'leaky'"):
        RateLimit(enforced="leaky")  # type: ignore[arg-type]
