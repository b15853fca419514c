"""A calm screen: what was shown before is shown again after."""

import warnings

import pytest

datasets = pytest.importorskip("datasets", reason="the preferences extra is not installed")
pytest.importorskip("transformers", reason="the preferences extra is not installed")

from transformers.utils import logging  # noqa: E402

from consilience.methods.decorrelated_preferences.own_pairs.calm import calm  # noqa: E402


def test_bars_and_levels_come_back_after_an_error() -> None:
    datasets.enable_progress_bars()
    before = logging.get_verbosity(), logging.is_progress_bar_enabled()
    with calm(quiet=True):
        assert datasets.are_progress_bars_disabled()
        assert not logging.is_progress_bar_enabled()
        assert logging.get_verbosity() == logging.ERROR
    with pytest.raises(ZeroDivisionError), calm(quiet=True):
        raise ZeroDivisionError
    assert not datasets.are_progress_bars_disabled()
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == before


def test_only_one_kind_of_warning_is_kept_away() -> None:
    with calm(quiet=False):
        warnings.warn("`is_gradient_checkpointing` is deprecated and so on", FutureWarning, stacklevel=1)
        with pytest.warns(FutureWarning, match="of yours"):
            warnings.warn("of yours", FutureWarning, stacklevel=1)
