"""Timings: that they time what they say. The bar is the study's, without the checks that tests run under."""

from pathlib import Path

import pytest

from consilience.methods.self_correction.studies import overhead
from consilience.methods.self_correction.studies.overhead import MACHINERY, machinery_us, speedup


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overhead, "ITEMS", 5)
    monkeypatch.setattr(overhead, "WAITING", 8)


@pytest.mark.parametrize("name", MACHINERY)
def test_a_call_takes_time_and_a_trace_is_written_where_one_is_said(name: str, tmp_path: Path) -> None:
    assert machinery_us(name, tmp_path, repeats=2) > 0
    trace = tmp_path / "overhead.jsonl"
    assert trace.exists() is MACHINERY[name][2]
    if trace.exists():
        assert len(trace.read_text().splitlines()) == 1 + 5 * overhead.CALLS + 5


@pytest.mark.parametrize("settings", [{}, {"rounds": 1}, {"blocking": True}])
def test_waiting_together_is_faster(settings) -> None:
    assert speedup(**settings) > 1.5
