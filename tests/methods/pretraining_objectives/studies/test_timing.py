"""Times side by side."""

import time

import numpy as np

from consilience.methods.pretraining_objectives.studies.timing import against, interleaved


def busy(seconds: float) -> None:
    begun = time.process_time()
    while time.process_time() - begun < seconds:
        pass


def test_a_way_that_takes_three_times_as_long_is_found_to() -> None:
    calls = []
    ways = {"one": lambda: (calls.append(1), busy(0.004)), "three": lambda: (calls.append(3), busy(0.012))}
    times = interleaved(ways, 9, np.random.default_rng(0))
    assert len(calls) == 2 * 10
    ratio = against(times["three"], times["one"])
    assert 2.5 < ratio.median < 3.5
    assert ratio.low <= ratio.median <= ratio.high
