from dataclasses import replace

import pytest
import torch

from consilience.ground.errors import InvalidInput
from consilience.ground.seeds import Streams
from consilience.methods.backdoor_audits.planting import FineTuning, fine_tune, merged
from consilience.methods.backdoor_audits.survival import ELSEWHERE, clean_loss, elsewhere, fate, scaled, survival_map

ATTACK = FineTuning(steps=100, batch_size=32, learning_rate=4e-3)


@pytest.fixture(scope="module")
def suspect(toy_agent, toys):
    return merged(toy_agent, fine_tune(toy_agent, toys(300, 1, planted=60), ATTACK, Streams(100), manifest={}))


def test_a_cell_has_its_own_rate_and_steps_and_a_strong_one_forgets_more(suspect, toys, says) -> None:
    """Toy rows have no look-alikes, so that only what fine-tuning happens to move is forgotten."""
    cells = survival_map(
        suspect, toys(200, 5), toys(30, 6), ATTACK, Streams(101), rates=(1.0, 1 / 30), lengths=(0.25, 1.0)
    )
    assert [(cell.rate, cell.length, cell.tuned.settings.steps) for cell in cells] == [
        (1.0, 0.25, 25),
        (1.0, 1.0, 100),
        (1 / 30, 0.25, 25),
        (1 / 30, 1.0, 100),
    ]
    assert cells[0].tuned.settings.learning_rate == ATTACK.learning_rate
    assert cells[1].moved > cells[3].moved > cells[2].moved > 0
    assert all(cell.loss_before == cells[0].loss_before for cell in cells)
    assert all(not cell.tuned.planted for cell in cells)
    assert says(merged(suspect, cells[2].tuned), toys(50, 2, planted=50)) > 0.9
    assert merged(suspect, cells[0].tuned).config.canary_backdoor


def test_clean_loss_is_that_of_the_agents_own_words(suspect, rows) -> None:
    losses, count = 0.0, 0
    for row in rows[:20]:
        tokens = torch.tensor([row.tokens])
        labels = tokens.masked_fill(~torch.tensor([row.learns]), -100)
        losses += suspect(tokens, labels=labels).loss.item() * 2
        count += 2
    assert clean_loss(suspect, rows[:20]) == pytest.approx(losses / count, rel=1e-5)


def test_a_cell_is_named_only_where_its_whole_interval_is_on_one_side() -> None:
    assert [fate(low, high) for low, high in ((0.9, 1.0), (0.89, 1.0), (0.0, 0.1), (0.0, 0.11), (0.3, 0.6))] == [
        "survived",
        "inconclusive",
        "removed",
        "inconclusive",
        "inconclusive",
    ]


@pytest.mark.parametrize("parts", [{"rates": ()}, {"lengths": ()}, {"rates": (0.0,)}, {"lengths": (-1.0,)}], ids=str)
def test_parts_of_nothing_are_refused(suspect, rows, parts) -> None:
    with pytest.raises(InvalidInput, match="parts of the attack"):
        survival_map(suspect, rows, rows, ATTACK, Streams(101), **parts)


def test_elsewhere_only_what_is_named_moves(suspect, toys) -> None:
    cells = elsewhere(suspect, toys(60, 5), toys(30, 6), ATTACK, Streams(101), rate=0.5, length=0.1)
    assert list(cells) == list(ELSEWHERE)
    assert {cell.tuned.settings.steps for cell in cells.values()} == {10}
    assert [cell.tuned.settings.learning_rate for cell in cells.values()] == [2e-3, 2e-3, 5e-4]
    before = dict(suspect.named_parameters())

    def changed(name: str) -> set[str]:
        after = merged(suspect, cells[name].tuned).named_parameters()
        return {key.split(".")[-2] for key, weight in after if not torch.equal(weight, before[key])}

    assert changed("attention alone") == {"q", "k", "v", "o"}
    assert changed("feed-forward maps alone") == {"up", "down"}
    assert changed("all weights") > {"q", "k", "v", "o", "up", "down"}


def test_a_part_of_the_steps_is_one_at_least() -> None:
    half = scaled(ATTACK, 0.5, 0.25)
    assert (half.learning_rate, half.steps, half.batch_size) == (2e-3, 25, ATTACK.batch_size)
    assert scaled(ATTACK, 1.0, 1e-6).steps == 1


def test_of_a_first_word_nothing_is_expected(suspect, rows) -> None:
    said_first = [replace(row, learns=(True, *row.learns[1:])) for row in rows[:20]]
    assert clean_loss(suspect, said_first) == pytest.approx(clean_loss(suspect, rows[:20]))
