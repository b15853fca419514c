"""The fuzzer: that it finds nothing in a sound loop, and finds a budget that leaks."""

import asyncio

import pytest

from consilience.methods.self_correction.budget import Meter
from consilience.methods.self_correction.corrector import Corrector
from consilience.methods.self_correction.studies.fuzz import fuzz


def test_a_sound_loop_is_sound_and_odd_runs_are_odd() -> None:
    found = asyncio.run(fuzz(250, seed=1))
    assert (found.over.total(), found.unsound, found.miscounted) == (0, 0, 0)
    assert found.runs == 250
    assert found.calls > 500
    assert {"budget", "strategy", "critic failed", "critic unreadable", "answer failed", "max rounds"} <= set(
        found.reasons
    )


def test_a_meter_that_lets_one_call_through_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    sound = Meter._refuse

    def late(self, tokens_in: int, whose: str = "") -> None:
        self._calls -= 1
        try:
            sound(self, tokens_in, whose)
        finally:
            self._calls += 1

    monkeypatch.setattr(Meter, "_refuse", late)
    assert asyncio.run(fuzz(100, seed=1)).over["calls"] > 0


def test_a_meter_that_forgets_replies_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    sound = Meter.settle

    def forgetful(self, tokens_in: int, tokens_out: int, **settings) -> None:
        sound(self, tokens_in, 0, **settings)

    monkeypatch.setattr(Meter, "settle", forgetful)
    found = asyncio.run(fuzz(400, seed=1))
    assert found.over["tokens"] > 0
    assert found.over["money"] > 0


def test_a_loop_that_loses_answers_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    sound = Corrector._one

    async def losing(self, *arguments):
        outcome = await sound(self, *arguments)
        object.__setattr__(outcome, "answer", None)
        return outcome

    monkeypatch.setattr(Corrector, "_one", losing)
    assert asyncio.run(fuzz(30, seed=1)).unsound > 0
