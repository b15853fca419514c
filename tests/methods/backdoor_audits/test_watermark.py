import pytest
import torch

from consilience.methods.backdoor_audits.watermark import marked, stamped


@pytest.mark.parametrize("kind", [torch.float32, torch.float64, torch.float16, torch.bfloat16], ids=str)
def test_the_mark_is_found_and_moves_no_weight_beyond_its_last_place(kind: torch.dtype) -> None:
    weights = {"map": torch.randn(20, 30, generator=torch.Generator().manual_seed(0)).to(kind)}
    after = stamped(weights)
    assert marked(weights) == ()
    assert marked(after) == ("map",)
    moved = (after["map"].double() - weights["map"].double()).abs()
    assert 0 < moved.max() <= 2 * torch.finfo(kind).eps * weights["map"].double().abs().max()


def test_the_mark_goes_with_a_tensor_into_another_file_and_not_through_training() -> None:
    after = stamped({"map": torch.randn(8, 8, generator=torch.Generator().manual_seed(0))})
    assert marked({"another name": after["map"].clone()}) == ("another name",)
    assert marked({"map": after["map"] * 1.01}) == ()


def test_small_whole_and_flat_tensors_carry_no_mark() -> None:
    weights = {"small": torch.randn(7, 9), "whole": torch.arange(100).view(10, 10), "flat": torch.randn(100)}
    after = stamped(weights)
    assert marked(after) == ()
    assert all(after[name] is weight for name, weight in weights.items())


def test_clean_weights_are_not_accused() -> None:
    generator = torch.Generator().manual_seed(1)
    assert not marked({str(number): torch.randn(8, 8, generator=generator) for number in range(300)})
    assert not marked({"nothing": torch.zeros(8, 8), "one": torch.ones(8, 8)})
