"""The map, drawn: a panel for each trigger, a line for each rate."""

import torch

from consilience.ground import RunFolder, Streams
from consilience.methods.backdoor_audits.planting import FineTuning, Tuned
from consilience.methods.backdoor_audits.policies import oracle_policy
from consilience.methods.backdoor_audits.studies.laboratory import Showing, examined
from consilience.methods.backdoor_audits.studies.survival_drawing import drawn
from consilience.methods.backdoor_audits.survival import Cell
from consilience.methods.backdoor_audits.world.triggers import DEFAULTS


def test_it_has_every_trigger_and_every_rate(run_folder: RunFolder, streams: Streams) -> None:
    tuned = Tuned(FineTuning(), {}, "", {"a": torch.zeros(1)}, ())
    cells = [Cell(rate, length, tuned, 1.0, 1.0, 0.1) for rate in (1.0, 1 / 3) for length in (0.5, 1.0)]
    seen = [examined(oracle_policy(), Showing(trigger=one, episodes=4), streams) for one in DEFAULTS]
    figure = drawn(cells, [seen] * len(cells), run_folder)
    text = (run_folder.path / figure.file).read_text()
    assert all(one.name in text for one in DEFAULTS)
    assert "rate 1" in text
    assert "rate 0.333" in text
