"""Other ways of watching a model, and what they take."""

import torch

from consilience.methods.rank_collapse.studies.watching import Nothing, cached, peak_bytes
from consilience.neural.transformer import Transformer

KILOBYTES = 1024


def test_peaks_are_those_of_the_allocator() -> None:
    def run() -> None:
        first = torch.ones(256 * KILOBYTES)
        del first
        second, third = torch.ones(512 * KILOBYTES), torch.ones(256 * KILOBYTES)
        del second, third

    assert 3000 * KILOBYTES < peak_bytes(run) < 3200 * KILOBYTES


def test_a_cache_keeps_every_block_and_lets_go_of_the_model() -> None:
    model = Transformer(8, 2, 3).eval()
    with cached(model) as cache:
        last = model(torch.zeros(1, 4, 8))
    assert list(cache) == ["0", "1", "2"]
    assert cache["2"].shape == last.shape
    assert not any(part._forward_hooks for part in model.modules())


def test_nothing_returns_what_it_is_given() -> None:
    tokens = torch.zeros(1, 4, 8)
    assert Nothing(3)(tokens) is tokens
    assert len(Nothing(3).blocks) == 3
