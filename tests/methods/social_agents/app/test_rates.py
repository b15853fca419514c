"""What is done too often has to wait; what others do does not count."""

from consilience.methods.social_agents.app import rates as module
from consilience.methods.social_agents.app.rates import Rate, Rates


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_so_many_within_so_long_and_no_more_till_the_first_is_long_ago() -> None:
    clock = Clock()
    rates = Rates(clock)
    waits = []
    for clock.now in (0.0, 1.0, 2.0, 9.9, 10.0):
        waits.append(rates.wait_s("sign in", "ann", Rate(2, 10)))
    assert waits == [0.0, 0.0, 8.0, 0.09999999999999964, 0.0]


def test_others_and_other_things_are_counted_apart() -> None:
    rates = Rates(Clock())
    once = Rate(1, 10)
    assert not rates.wait_s("sign in", "ann", once)
    assert not rates.wait_s("sign in", "ben", once)
    assert not rates.wait_s("ask", "ann", once)
    assert rates.wait_s("ask", "ann", once)


def test_to_look_is_not_counted_and_what_is_cleared_is_forgotten() -> None:
    rates = Rates(Clock())
    once = Rate(1, 10)
    assert [rates.wait_s("x", "ann", once, count=False) for _ in range(3)] == [0.0] * 3
    rates.wait_s("x", "ann", once)
    assert rates.wait_s("x", "ann", once, count=False)
    rates.clear("x", "ann")
    assert not rates.wait_s("x", "ann", once)


def test_strangers_cannot_fill_the_memory(monkeypatch) -> None:
    monkeypatch.setattr(module, "MOST_KEYS", 10)
    rates = Rates(Clock())
    for number in range(100):
        rates.wait_s("x", str(number), Rate(1, 10))
    assert len(rates._done) == 10
    assert rates.wait_s("x", "99", Rate(1, 10))
