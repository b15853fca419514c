"""Lines about a run."""

from types import SimpleNamespace

import pytest

pytest.importorskip("transformers", reason="the pretraining extra is not installed")

from consilience.methods.pretraining_objectives.own_text.watching import Watch


def logged(watch: Watch, step: int, **logs: float) -> None:
    watch.on_log(None, SimpleNamespace(global_step=step, max_steps=9), None, logs=logs)


def test_the_first_loss_and_the_last_are_said(capsys) -> None:
    watch = Watch(quiet=False)
    for step in (1, 2, 9):
        logged(watch, step, loss=step / 2)
    logged(watch, 9, eval_loss=3.0)
    assert capsys.readouterr().err == "step 1 of 9: loss 0.500\nstep 9 of 9: loss 4.500\n"


def test_quiet_is_quiet(capsys) -> None:
    logged(Watch(quiet=True), 9, loss=1.0)
    assert capsys.readouterr().err == ""
