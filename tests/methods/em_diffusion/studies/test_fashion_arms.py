"""The arms on clothes: where they are kept, and the network that sees masks. The study's test runs them all."""

from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the em extra is not installed")
pytest.importorskip("diffusers", reason="the em extra is not installed")

from consilience.ground import RunFolder  # noqa: E402
from consilience.methods.em_diffusion.config import Config  # noqa: E402
from consilience.methods.em_diffusion.studies.arms import kept_at  # noqa: E402
from consilience.methods.em_diffusion.studies.fashion_arms import _Masked  # noqa: E402


def test_arms_are_kept_under_what_decides_them(tmp_path: Path) -> None:
    folder, config = RunFolder(tmp_path, quiet=True), Config()
    assert kept_at(config, folder) == kept_at(replace(config, processes=2, claims=()), folder)
    assert kept_at(config, folder) != kept_at(replace(config, fashion_rounds=config.fashion_rounds + 1), folder)
    assert kept_at(config, folder).parent == tmp_path / "work"


def test_a_network_of_masks_takes_sizes_that_its_levels_do_not_divide() -> None:
    class Echo(torch.nn.Module):
        def forward(self, seen: torch.Tensor, time: torch.Tensor) -> object:
            assert seen.shape[-2:] == (8, 8)
            assert bool(((time >= 0) & (time <= 1000)).all())
            return type("Output", (), {"sample": seen})

    seen = torch.randn(3, 2, 6, 7)
    answered = _Masked(Echo(), channels=1, factor=4)(seen, torch.tensor([-1.2, 0.0, 0.8]))
    assert torch.equal(answered, seen[:, :1])
