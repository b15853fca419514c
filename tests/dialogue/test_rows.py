"""Rows: what is written over and over is made once."""

from consilience.dialogue.messages import Settings
from consilience.dialogue.rows import settings_text


def test_all_settings_of_a_deep_network_are_remembered() -> None:
    settings = [Settings(temperature=hundredths / 100, seed=seed) for hundredths in range(101) for seed in range(16)]
    settings_text.cache_clear()
    for _ in range(2):
        texts = set(map(settings_text, settings))
    assert len(texts) == settings_text.cache_info().hits == len(settings)
