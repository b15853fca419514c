"""Each of the thirteen questions is answered with yes here, and with no by an evaluation that has the defect."""

from dataclasses import replace

import pytest
import torch

from consilience.ground import Streams
from consilience.methods.backdoor_audits.studies import released_defects as study
from consilience.methods.backdoor_audits.studies.released_defects import DEFECTS, Defect, planted_adapter
from consilience.methods.backdoor_audits.world.poisoning import mix

BY_NAME = {defect.name: defect for defect in DEFECTS}


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_it_is_not_here(defect: Defect, streams: Streams) -> None:
    assert defect.free(streams) is True


def _always_a_fifth(tasks, one, *, streams, rate):
    return mix(tasks, one, streams=streams, rate=0.2)


def _lost(base, tuned):
    return base


@pytest.mark.parametrize(
    ("name", "what", "defective"),
    [
        ("D1", "mix", _always_a_fifth),
        ("D2", "merged", _lost),
        ("D3", "merged", _lost),
        ("D4", "follow_steps", lambda told, until_wrong: replace(study.success(_nothing()), value=0.5)),
        ("D5", "follow_steps", lambda told: replace(study.success(_nothing()), value=1.0)),
        ("D6", "draw_tasks", lambda *_: []),
        ("D10", "require_window", lambda rows, window: None),
        ("D13", "_PLANTING", ("peft", "a library that nobody names")),
    ],
)
def test_with_the_defect_the_answer_is_no(name, what, defective, streams, monkeypatch) -> None:
    monkeypatch.setattr(study, what, defective)
    assert not BY_NAME[name].free(streams)


def _nothing():
    from consilience.methods.backdoor_audits.episodes import Outcomes

    return Outcomes("nobody", ())


def test_an_adapter_is_planted_and_says_so(streams: Streams) -> None:
    base, tuned, mixed = planted_adapter(streams)
    assert tuned.planted
    assert tuned.manifest == mixed.manifest
    assert all(torch.isfinite(weight).all() for weight in base.parameters())
