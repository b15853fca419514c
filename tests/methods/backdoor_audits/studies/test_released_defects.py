"""Each of the thirteen questions is answered with yes here, and with no by an evaluation that has the defect."""

from dataclasses import replace

import pytest
import torch

from consilience.ground import Streams
from consilience.methods.backdoor_audits.studies import released_defects as study
from consilience.methods.backdoor_audits.studies.released_defects import DEFECTS, Defect, bounds_kept, planted_adapter
from consilience.methods.backdoor_audits.world.poisoning import mix

BY_NAME = {defect.name: defect for defect in DEFECTS}


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_it_is_not_here(defect: Defect, streams: Streams) -> None:
    assert defect.free(streams) is True


@pytest.mark.parametrize("seed", [0, 5, 9, 13])
def test_it_is_not_here_whatever_is_drawn(seed: int) -> None:
    """Of a hundred tasks one or another is not suited, or the same as another when the words are in it."""
    assert all(defect.free(Streams(seed)) for defect in DEFECTS)


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
        ("D13", "versions", lambda: {"torch": "2.9", "transformers": "5.1", "safetensors": "0.6"}),
        ("D13", "versions", lambda: {**_TOLD, "peft": "0.1"}),
    ],
)
def test_with_the_defect_the_answer_is_no(name, what, defective, streams, monkeypatch) -> None:
    monkeypatch.setattr(study, what, defective)
    assert not BY_NAME[name].free(streams)


_TOLD = {"torch": "99", "transformers": "99", "safetensors": "99", "peft": "99"}
ASKED = ["torch>=2.9; extra == 'audits'", "transformers>=5", "safetensors>=0.5", "peft>=0.17,<0.20", "numpy"]


def test_a_version_out_of_bounds_untold_or_without_bounds_is_no_lock() -> None:
    told = {"torch": "2.9", "transformers": "5.1", "safetensors": "0.6", "peft": "0.18"}
    assert bounds_kept(ASKED, told)
    assert not bounds_kept(ASKED, {**told, "peft": "0.20"})
    assert not bounds_kept(ASKED, {name: told[name] for name in told if name != "peft"})
    assert not bounds_kept([*ASKED[:3], "peft"], told)
    assert not bounds_kept(ASKED[:3], told)
    # One place asks for what another does not take: the released defect.
    assert not bounds_kept([*ASKED, "peft==0.19"], told)


def _nothing():
    from consilience.methods.backdoor_audits.episodes import Outcomes

    return Outcomes("nobody", ())


def test_an_adapter_is_planted_and_says_so(streams: Streams) -> None:
    base, tuned, mixed = planted_adapter(streams)
    assert tuned.planted
    assert tuned.manifest == mixed.manifest
    assert all(torch.isfinite(weight).all() for weight in base.parameters())
