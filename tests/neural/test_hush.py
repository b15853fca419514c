"""Silence, and its end."""

import pytest

pytest.importorskip("transformers", reason="transformers is not installed")

from transformers.utils import logging

from consilience.neural.hush import hushed


def test_transformers_is_silent_in_the_block_and_as_before_after_it() -> None:
    before = (logging.get_verbosity(), logging.is_progress_bar_enabled())
    with hushed():
        assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == (logging.ERROR, False)
    with pytest.raises(RuntimeError, match="stop"), hushed():
        raise RuntimeError("stop")
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == before
