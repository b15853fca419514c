"""Weight statistics: small factors say what the whole product would."""

import pytest
import torch

from consilience.ground import InvalidInput
from consilience.methods.backdoor_audits.weight_statistics import calibrated, norm_spread, statistics


def adapter(seed: int, size: float = 1.0) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {
        f"{name}.lora_{part}.weight": size**0.5 * torch.randn(shape, generator=generator)
        for name in ("0.q", "0.down")
        for part, shape in (("A", (3, 8)), ("B", (6, 3)))
    }


def test_factors_say_what_the_product_says() -> None:
    weights = adapter(0)
    product = 2.0 * weights["0.q.lora_B.weight"] @ weights["0.q.lora_A.weight"]
    found = statistics(weights, 2.0)
    assert found["0.q size"] == pytest.approx(float((product.norm() / 48**0.5).log()), abs=1e-5)
    assert found["0.q one direction"] == pytest.approx(
        float(torch.linalg.matrix_norm(product, 2) / product.norm()), abs=1e-5
    )


def test_an_adapter_of_another_size_deviates() -> None:
    model = calibrated([statistics(adapter(seed)) for seed in range(12)])
    usual, large = model.score(statistics(adapter(50))), model.score(statistics(adapter(50, size=20.0)))
    assert usual < 3 < large
    assert norm_spread(statistics(adapter(1, size=20.0))) > norm_spread(statistics(adapter(1)))


def test_other_maps_and_too_few_say_nothing() -> None:
    few = calibrated([statistics(adapter(seed)) for seed in range(2)])
    with pytest.raises(InvalidInput, match="no clean adapters with these 2 maps"):
        few.score(statistics(adapter(5)))
    with pytest.raises(InvalidInput, match="expected an adapter"):
        statistics({"embed": torch.zeros(2, 2)})
    with pytest.raises(InvalidInput, match="no whole adapter"):
        statistics({"q.lora_A.weight": torch.zeros(2, 2)})
