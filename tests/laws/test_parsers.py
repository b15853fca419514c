"""Whatever a file holds, it is read, or refused in words; and what was read is written as it was."""

from pathlib import Path

import pytest
from fuzzing import TARGETS, spoiled, tried
from hypothesis import HealthCheck, Phase, given, settings


@pytest.mark.parametrize("name", TARGETS)
def test_a_spoiled_file_is_read_or_refused_in_words(name: str, tmp_path: Path) -> None:
    target, samples = TARGETS[name], [*TARGETS[name].samples()]
    assert all(tried(target, sample, tmp_path) for sample in samples)

    @settings(
        max_examples=60,
        derandomize=True,
        database=None,
        deadline=None,
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(spoiled(samples))
    def one(text: tuple[str, bytes]) -> None:
        tried(target, text, tmp_path)

    one()
