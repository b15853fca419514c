"""A calm screen: no bars where nobody watches, and no deprecations that are not the user's."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import datasets
from transformers.utils import logging

__all__ = ["calm"]


@contextmanager
def calm(*, quiet: bool) -> Iterator[None]:
    """Say little while a block runs.

    Parameters
    ----------
    quiet
        Whether bars and advice of libraries are kept off the screen; away from a terminal bars always are.
    """
    level, bars = (
        logging.get_verbosity(),
        (not datasets.are_progress_bars_disabled(), logging.is_progress_bar_enabled()),
    )
    if quiet:
        logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    if quiet or not sys.stderr.isatty():
        datasets.disable_progress_bars()
        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "`.*gradient_checkpointing.*` is deprecated", FutureWarning)
            yield
    finally:
        logging.set_verbosity(level)
        if bars[0]:
            datasets.enable_progress_bars()
        if bars[1]:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]
