import numpy as np
import torch

from consilience.methods.backdoor_audits.rounding import LEVELS, rounded

# The sixteen values that the reference implementation of NF4 prints.
PUBLISHED = [
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
    -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
    0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0,
]  # fmt: skip


def test_levels_are_those_of_nf4() -> None:
    np.testing.assert_allclose(LEVELS.numpy(), PUBLISHED, atol=2e-5)


def test_a_rounded_weight_is_the_nearest_level_of_its_block_and_rounding_again_changes_nothing() -> None:
    weight = torch.randn(10, 13, generator=torch.Generator().manual_seed(0))
    after = rounded(weight)
    blocks = torch.nn.functional.pad(weight.flatten(), (0, 62)).view(3, 64)
    scale = blocks.abs().amax(dim=1, keepdim=True)
    nearest = (blocks[..., None] - scale[..., None] * LEVELS).abs().argmin(dim=-1)
    torch.testing.assert_close(after, (LEVELS[nearest] * scale).flatten()[:130].view(10, 13))
    torch.testing.assert_close(rounded(after), after)


def test_nothing_stays_nothing() -> None:
    assert not rounded(torch.zeros(3, 30)).any()
