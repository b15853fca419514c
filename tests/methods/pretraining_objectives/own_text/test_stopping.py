"""Ctrl-C in a loop."""

import os
import signal
from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch", reason="the pretraining extra is not installed")
pytest.importorskip("transformers", reason="the pretraining extra is not installed")

from consilience.methods.pretraining_objectives.own_text.stopping import StopOnInterrupt  # noqa: E402

ALONE = SimpleNamespace(device=torch.device("cpu"))


@pytest.fixture
def listening():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    stop = StopOnInterrupt()
    stop.on_train_begin(None, None, None)
    yield stop
    signal.signal(signal.SIGINT, before)


def control() -> SimpleNamespace:
    return SimpleNamespace(should_save=False, should_training_stop=False)


def state(step: int) -> SimpleNamespace:
    return SimpleNamespace(global_step=step, max_steps=5)


def test_the_first_ends_the_run_after_its_step_and_the_second_at_once(listening) -> None:
    assert not listening.on_step_end(ALONE, state(1), control()).should_training_stop
    os.kill(os.getpid(), signal.SIGINT)
    asked = listening.on_step_end(ALONE, state(2), control())
    assert asked.should_save
    assert asked.should_training_stop
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_run_that_ends_with_this_step_is_complete(listening) -> None:
    os.kill(os.getpid(), signal.SIGINT)
    assert not listening.on_step_end(ALONE, state(5), control()).should_training_stop


def test_who_listened_before_listens_afterwards(listening) -> None:
    listening.on_train_end(None, None, None)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_process_that_ignores_ctrl_c_goes_on_ignoring_it() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        StopOnInterrupt().on_train_begin(None, None, None)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
