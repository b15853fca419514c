"""diffusers models as priors: the same numbers as diffusers, whole folders, and no pickle or hub anywhere."""

import json
import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, DDPMPipeline, DDPMScheduler, FlowMatchEulerDiscreteScheduler, UNet2DModel
from torch import Tensor, nn

from consilience.ground import InvalidInput
from consilience.methods.em_diffusion.diffusers_prior import DiffusersPrior
from consilience.methods.em_diffusion.images import Scale
from consilience.methods.em_diffusion.prior import Denoiser


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def awake(prior: DiffusersPrior) -> DiffusersPrior:
    """Give the last layer of a new prior weights, so that its network has a say."""
    with torch.no_grad():
        prior.unet.conv_out.weight.normal_(0, 0.2, generator=generator())
        prior.unet.conv_out.bias.normal_(0, 0.2, generator=generator())
    return prior.eval()


def small(channels: int = 1, size: int | tuple[int, int] = 8, **settings: object) -> DiffusersPrior:
    return DiffusersPrior.create(channels, size, width=8, levels=2, **settings)


def as_pretrained(prediction_type: str, seed: int = 0, **settings: object) -> tuple[UNet2DModel, DDPMScheduler]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        unet = UNet2DModel(
            sample_size=8,
            in_channels=3,
            out_channels=settings.pop("out_channels", 3),
            block_out_channels=(8, 16),
            norm_num_groups=4,
            down_block_types=("DownBlock2D", "AttnDownBlock2D"),
            up_block_types=("AttnUpBlock2D", "UpBlock2D"),
            **settings,
        )
    return unet.eval(), DDPMScheduler(prediction_type=prediction_type, clip_sample=False)


@pytest.mark.parametrize("prediction_type", ["epsilon", "v_prediction", "sample"])
def test_clean_images_are_those_of_the_scheduler_at_its_times(prediction_type: str) -> None:
    unet, scheduler = as_pretrained(prediction_type)
    prior = DiffusersPrior(unet.double(), scheduler)
    for t in (0, 1, 37, 500, 998, 999):
        x_t = torch.randn(2, 3, 8, 8, generator=generator(t), dtype=torch.float64)
        alpha = scheduler.alphas_cumprod[t].double()
        sigma = torch.sqrt((1 - alpha) / alpha)
        with torch.no_grad():
            output = unet(x_t, t).sample
            ours = prior(x_t / alpha.sqrt(), sigma.expand(2))
        theirs = scheduler.step(output, t, x_t, generator=generator()).pred_original_sample
        assert (ours - theirs).abs().max() < 1e-5 * max(1.0, float(sigma))


def test_a_velocity_is_edm_preconditioning_of_unit_data() -> None:
    prior = awake(small(3)).double()
    noisy = torch.randn(5, 3, 8, 8, generator=generator(), dtype=torch.float64)
    sigma = torch.tensor([0.011, 0.3, 1.0, 7.0, 150.0], dtype=torch.float64)
    s = sigma.reshape(-1, 1, 1, 1)
    c_skip, c_out, c_in = 1 / (s**2 + 1), s / torch.sqrt(s**2 + 1), 1 / torch.sqrt(s**2 + 1)
    with torch.no_grad():
        network = -prior.unet(c_in * noisy, prior.time(sigma)).sample
        assert torch.allclose(prior(noisy, sigma), c_skip * noisy + c_out * network, atol=1e-12)


def test_a_new_prior_is_that_of_standard_normal_pixels() -> None:
    prior = small()
    noisy = torch.randn(3, 1, 8, 8, generator=generator())
    sigma = torch.tensor([0.1, 1.0, 10.0])
    assert isinstance(prior, Denoiser)
    assert torch.allclose(prior(noisy, sigma), noisy / (1 + sigma.reshape(-1, 1, 1, 1) ** 2))


def test_times_pass_through_the_table_in_order_and_stop_at_its_ends() -> None:
    prior = small()
    table = prior.log_sigmas.exp()
    assert torch.allclose(prior.time(table), torch.arange(1000.0, dtype=torch.float64), atol=1e-9)
    between = torch.sqrt(table[1:] * table[:-1])
    assert torch.allclose(prior.time(between), torch.arange(999.0, dtype=torch.float64) + 0.5, atol=1e-9)
    assert prior.time(torch.tensor([0.0, 1e-9, 1e9])).tolist() == [0.0, 0.0, 999.0]
    assert prior.sigma_min == pytest.approx(0.01, rel=1e-2)
    assert prior.sigma_max == pytest.approx(157, rel=1e-2)


def test_beyond_the_table_the_true_noise_level_stays_in_the_formula() -> None:
    prior = awake(small())
    noisy = torch.randn(2, 1, 8, 8, generator=generator())
    assert torch.equal(prior(noisy, torch.zeros(2)), noisy)
    near = prior(noisy, torch.full((2,), 1e-4))
    assert (near - noisy).abs().max() < 1e-3
    assert prior(1e4 * noisy, torch.full((2,), 1e4)).abs().max() < 100


def test_products_with_the_jacobian_are_right() -> None:
    prior = awake(small()).double()
    noisy = torch.randn(2, 1, 8, 8, generator=generator(1), dtype=torch.float64, requires_grad=True)
    direction = torch.randn(2, 1, 8, 8, generator=generator(2), dtype=torch.float64)
    probe = torch.randn(2, 1, 8, 8, generator=generator(3), dtype=torch.float64)
    sigma = torch.tensor([0.5, 3.0], dtype=torch.float64)
    (product,) = torch.autograd.grad(prior(noisy, sigma), noisy, probe)
    step = 1e-5
    with torch.no_grad():
        slope = (prior(noisy + step * direction, sigma) - prior(noisy - step * direction, sigma)) / (2 * step)
    assert float((product * direction).sum()) == pytest.approx(float((slope * probe).sum()), rel=1e-6)


def test_images_do_not_know_of_their_neighbours() -> None:
    prior = awake(small())
    noisy = torch.randn(5, 1, 8, 8, generator=generator())
    sigma = torch.tensor([0.01, 0.1, 1.0, 10.0, 100.0])
    alone = torch.cat([prior(noisy[i : i + 1], sigma[i : i + 1]) for i in range(5)])
    assert torch.allclose(alone, prior(noisy, sigma), atol=1e-5)


@pytest.mark.parametrize(("size", "levels"), [(8, 3), (28, 3), (32, 4), ((12, 20), 2), (9, 3), ((7, 13), 2)])
def test_any_size_is_taken_and_padded_where_levels_do_not_divide_it(size: int | tuple[int, int], levels: int) -> None:
    prior = awake(DiffusersPrior.create(2, size, width=8, levels=levels))
    height, width = (size, size) if isinstance(size, int) else size
    noisy = torch.randn(1, 2, height, width, generator=generator())
    assert prior(noisy, torch.ones(1)).shape == noisy.shape
    assert all(length % 2 ** (levels - 1) == 0 for length in prior.unet.config.sample_size)
    if height % 2 ** (levels - 1) == 0:
        inside = prior.unet(noisy / 2**0.5, prior.time(torch.ones(1))).sample
        assert torch.allclose(prior(noisy, torch.ones(1)), noisy / 2 - inside / 2**0.5, atol=1e-6)


def test_a_new_prior_is_the_same_every_time_and_leaves_the_global_generator_alone() -> None:
    before = torch.get_rng_state()
    one, same, other = small(seed=3), small(seed=3), small(seed=4)
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(one.unet.conv_in.weight, same.unet.conv_in.weight)
    assert not torch.equal(one.unet.conv_in.weight, other.unet.conv_in.weight)


def test_generators_of_other_devices_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "manual_seed_all", lambda seed: pytest.fail("every GPU was seeded"))
    small()


def test_precision_is_that_of_the_images_and_the_table_keeps_its_own() -> None:
    prior = awake(small())
    noisy = torch.randn(2, 1, 8, 8, generator=generator(), dtype=torch.float64)
    sigma = torch.ones(2)
    single = prior(noisy.float(), sigma)
    assert prior(noisy, sigma).dtype == torch.float64
    prior.to(torch.bfloat16)
    assert prior.log_sigmas.dtype == torch.float64
    assert torch.allclose(prior(noisy.float(), sigma), single, atol=0.1)
    assert "log_sigmas" not in prior.state_dict()
    assert torch.equal(deepcopy(prior)(noisy, sigma), prior(noisy, sigma))


@pytest.mark.parametrize("prediction_type", ["epsilon", "v_prediction", "sample"])
def test_the_loss_is_the_one_diffusers_trains_with(prediction_type: str) -> None:
    unet, scheduler = as_pretrained(prediction_type)
    prior = DiffusersPrior(unet.double(), scheduler)
    times = torch.tensor([3, 400, 900])
    clean, noise = (torch.randn(3, 3, 8, 8, generator=generator(seed), dtype=torch.float64) for seed in (1, 2))
    alpha = scheduler.alphas_cumprod[times].double()
    output = unet(scheduler.add_noise(clean, noise, times), times).sample
    targets = {"epsilon": noise, "sample": clean, "v_prediction": scheduler.get_velocity(clean, noise, times)}
    expected = ((output - targets[prediction_type]) ** 2).mean(dim=(1, 2, 3))
    assert torch.allclose(prior.loss(clean, noise, torch.sqrt((1 - alpha) / alpha)), expected, rtol=1e-4)


def test_predicted_variances_are_dropped_and_learned_times_rounded() -> None:
    unet, scheduler = as_pretrained("epsilon", out_channels=6)
    noisy, sigma = torch.randn(2, 3, 8, 8, generator=generator()), torch.tensor([0.5, 5.0])
    assert DiffusersPrior(unet, scheduler)(noisy, sigma).shape == noisy.shape
    unet, scheduler = as_pretrained("epsilon", time_embedding_type="learned", num_train_timesteps=1000)
    assert DiffusersPrior(unet, scheduler)(noisy, sigma).isfinite().all()


def test_a_table_without_signal_at_its_end_is_cut_there() -> None:
    unet, _ = as_pretrained("v_prediction")
    prior = DiffusersPrior(unet, DDPMScheduler(prediction_type="v_prediction", rescale_betas_zero_snr=True))
    assert len(prior.log_sigmas) == 999
    assert prior(torch.ones(1, 3, 8, 8), torch.tensor([1e6])).isfinite().all()


def blobs(n_images: int, seed: int) -> Tensor:
    """Bright spots at random places on a dark ground, in [-1, 1]."""
    rng = np.random.default_rng(seed)
    places = rng.uniform(2, 5, (n_images, 2, 1, 1))
    rows, columns = np.mgrid[:8, :8]
    squares = (rows - places[:, 0]) ** 2 + (columns - places[:, 1]) ** 2
    return torch.from_numpy(2 * np.exp(-squares / 4) - 1).float()[:, None]


@pytest.fixture(scope="module")
def trained() -> DiffusersPrior:
    prior = small(scale=Scale.of_type("uint8"))
    prior.training_record.update(steps=150, rounds=[1.5, 2.5])
    optimiser = torch.optim.Adam(prior.parameters(), 3e-3)
    images, rng = blobs(256, 1), generator(5)
    prior.train()
    for _ in range(150):
        clean = images[torch.randint(256, (32,), generator=rng)]
        sigma = torch.exp(torch.randn(32, generator=rng) * 1.5 - 0.5)
        loss = prior.loss(clean, torch.randn(clean.shape, generator=rng), sigma).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return prior.eval()


def ancestral(prior: DiffusersPrior, n_images: int, n_steps: int, rng: torch.Generator) -> Tensor:
    """Sample in this room's own words, with the noise drawn in the order in which the pipeline draws it."""
    prior.scheduler.set_timesteps(n_steps)
    levels = [*prior.log_sigmas.exp()[prior.scheduler.timesteps].float().tolist(), 0.0]
    images = torch.randn(n_images, 1, 8, 8, generator=rng) * (1 + levels[0] ** 2) ** 0.5
    for sigma, lower in pairwise(levels):
        with torch.no_grad():
            expected = prior(images, torch.full((n_images,), sigma))
        kept = (lower / sigma) ** 2
        images = expected + kept * (images - expected)
        images = images + lower * (1 - kept) ** 0.5 * torch.randn(images.shape, generator=rng)
    return images


def test_a_saved_prior_is_a_pipeline_that_samples_what_we_sample(trained: DiffusersPrior, tmp_path: Path) -> None:
    folder = trained.save(tmp_path / "prior")
    pipeline = DDPMPipeline.from_pretrained(folder, use_safetensors=True, local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)
    sampled = pipeline(batch_size=64, num_inference_steps=20, output_type="pt", generator=generator(3)).images
    ours = ancestral(trained, 64, 20, generator(3))
    assert sampled.shape == (64, 1, 8, 8)
    assert sampled.isfinite().all()
    assert torch.allclose(sampled, (ours / 2 + 0.5).clamp(0, 1), atol=1e-3)
    other = (ancestral(trained, 64, 20, generator(4)) / 2 + 0.5).clamp(0, 1)
    assert (sampled.mean(0) - other.mean(0)).abs().max() < 0.2
    assert abs(sampled.mean() - (blobs(500, 2).mean() / 2 + 0.5)) < 0.05


def test_a_loaded_prior_is_the_saved_one_bit_for_bit(trained: DiffusersPrior, tmp_path: Path) -> None:
    loaded = DiffusersPrior.load(trained.save(tmp_path / "prior"))
    noisy = torch.randn(7, 1, 8, 8, generator=generator())
    sigma = torch.logspace(-3, 3, 7)
    assert torch.equal(loaded(noisy, sigma), trained(noisy, sigma))
    assert (loaded.size, loaded.scale, loaded.training_record) == ((8, 8), trained.scale, trained.training_record)
    assert not loaded.training
    again = DiffusersPrior.load(loaded.save(tmp_path / "again"))
    assert torch.equal(again(noisy, sigma), trained(noisy, sigma))
    written = sorted(str(file.relative_to(tmp_path / "prior")) for file in (tmp_path / "prior").rglob("*.*"))
    assert written == [
        "consilience.json",
        "model_index.json",
        "scheduler/scheduler_config.json",
        "unet/config.json",
        "unet/diffusion_pytorch_model.safetensors",
    ]
    assert not any(str(tmp_path) in file.read_text() for file in (tmp_path / "again").rglob("*.json"))


def test_a_padded_prior_comes_back_with_its_size_and_its_pipeline_samples_the_padded_one(tmp_path: Path) -> None:
    prior = awake(small(size=(7, 8)))
    folder = prior.save(tmp_path / "prior")
    noisy = torch.randn(2, 1, 7, 8, generator=generator())
    assert torch.equal(DiffusersPrior.load(folder)(noisy, torch.ones(2)), prior(noisy, torch.ones(2)))
    pipeline = DDPMPipeline.from_pretrained(folder)
    pipeline.set_progress_bar_config(disable=True)
    assert pipeline(num_inference_steps=2, output_type="pt").images.shape == (1, 1, 8, 8)


@pytest.mark.parametrize("loose", [False, True])
def test_any_pipeline_of_diffusers_is_a_prior(tmp_path: Path, *, loose: bool) -> None:
    unet, scheduler = as_pretrained("epsilon")
    DDPMPipeline(unet=unet, scheduler=DDIMScheduler.from_config(scheduler.config)).save_pretrained(tmp_path)
    if loose:
        for part in ("unet", "scheduler"):
            for file in (tmp_path / part).iterdir():
                file.rename(tmp_path / file.name)
            (tmp_path / part).rmdir()
    prior = DiffusersPrior.load(tmp_path)
    noisy, sigma = torch.randn(2, 3, 8, 8, generator=generator()), torch.tensor([0.2, 2.0])
    assert prior.scale is None
    assert torch.equal(prior(noisy, sigma), DiffusersPrior(unet, scheduler)(noisy, sigma))


def refused(folder: Path | str) -> str:
    with pytest.raises(InvalidInput) as caught:
        DiffusersPrior.load(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_names_of_a_hub_are_not_fetched() -> None:
    assert "there is none at google/ddpm-cifar10-32" in refused("google/ddpm-cifar10-32")


def test_what_is_wrong_with_a_folder_is_told(tmp_path: Path) -> None:
    assert "has no model_index.json" in refused(tmp_path)
    good = awake(small()).save(tmp_path / "good")
    weights = Path("unet/diffusion_pytorch_model.safetensors")

    def spoilt(name: str, file: str | Path, content: bytes | None) -> str:
        folder = tmp_path / name
        shutil.copytree(good, folder)
        (folder / file).unlink()
        if content is not None:
            (folder / file).write_bytes(content)
        return refused(folder)

    assert "there are none in" in spoilt("lost", weights, None)
    assert "cannot read the network" in spoilt("cut", weights, (good / weights).read_bytes()[:-100])
    assert "cannot read the network" in spoilt("torn", weights, b"xx")
    assert "cannot read the network" in spoilt("no config", "unet/config.json", None)
    assert "cannot read the scheduler" in spoilt("no scheduler", "scheduler/scheduler_config.json", None)
    assert "cannot read" in spoilt("no json", "model_index.json", b"{")
    assert "expected settings by name" in spoilt("a list", "model_index.json", b"[]")
    index = json.loads((good / "model_index.json").read_text())
    other = json.dumps({**index, "unet": ["evil", "UNet2DModel"]}).encode()
    assert "must be an unconditional UNet2DModel" in spoilt("other network", "model_index.json", other)
    other = json.dumps({**index, "scheduler": ["diffusers", "UNet2DModel"]}).encode()
    assert "must be one of diffusers" in spoilt("other scheduler", "model_index.json", other)
    assert "cannot read" in spoilt("other record", "consilience.json", b"{}")
    config = json.loads((good / "scheduler/scheduler_config.json").read_text())
    other = json.dumps({**config, "beta_end": 0.01}).encode()
    assert "has other noise levels" in spoilt("other levels", "scheduler/scheduler_config.json", other)
    shape = json.loads((good / "unet/config.json").read_text())
    for name, change in (
        ("more", {"layers_per_block": 2}),
        ("fewer", {"add_attention": False}),
        ("wider", {"block_out_channels": [16, 32]}),
        ("senseless", {"down_block_types": ["DownBlock2D"]}),
    ):
        told = spoilt(name, "unet/config.json", json.dumps({**shape, **change}).encode())
        assert "cannot read the network" in told or "are of another network" in told
        assert "low_cpu_mem_usage" not in told


def test_pickles_are_not_opened(tmp_path: Path) -> None:
    folder = awake(small()).save(tmp_path / "prior")
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    torch.save({}, weights.with_suffix(".bin"))
    weights.unlink()
    assert "has a pickle, which could run code" in refused(folder)


@contextmanager
def disk_of(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_that_fills_up_leaves_the_earlier_prior_whole(tmp_path: Path) -> None:
    first, second = awake(small(seed=1)), awake(small(seed=2))
    first.save(tmp_path / "prior")
    with disk_of(5000), pytest.raises(InvalidInput, match="cannot write the prior"):
        second.save(tmp_path / "prior")
    assert [entry.name for entry in tmp_path.iterdir()] == ["prior"]
    assert torch.equal(DiffusersPrior.load(tmp_path / "prior").unet.conv_in.weight, first.unet.conv_in.weight)
    second.save(tmp_path / "prior")
    assert [entry.name for entry in tmp_path.iterdir()] == ["prior"]
    assert torch.equal(DiffusersPrior.load(tmp_path / "prior").unet.conv_in.weight, second.unet.conv_in.weight)


def test_an_earlier_prior_comes_back_when_the_new_one_cannot_take_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = awake(small(seed=1))
    first.save(tmp_path / "prior")
    rename = Path.rename

    def failing(self: Path, target: Path) -> Path:
        if self.name.endswith(".part"):
            raise OSError(5, "input/output error")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(InvalidInput, match="input/output error"):
        awake(small(seed=2)).save(tmp_path / "prior")
    assert [entry.name for entry in tmp_path.iterdir()] == ["prior"]
    assert torch.equal(DiffusersPrior.load(tmp_path / "prior").unet.conv_in.weight, first.unet.conv_in.weight)


def test_nothing_but_a_prior_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(InvalidInput, match=r"holds thesis\.txt"):
        small().save(tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInput, match="is a file"):
        small().save(tmp_path / "file")
    with pytest.raises(InvalidInput, match="cannot write the prior"):
        small().save(tmp_path / "file" / "prior")


def test_a_record_that_is_no_json_is_told_before_anything_is_replaced(tmp_path: Path) -> None:
    prior = small()
    prior.training_record["loss"] = float("nan")
    with pytest.raises(InvalidInput, match="plain JSON"):
        prior.save(tmp_path / "prior")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("shape", [(2, 3, 8, 8), (2, 1, 8, 9), (2, 1, 4, 4)])
def test_images_of_another_kind_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InvalidInput, match=r"the prior is of 1 channel\(s\), 8 x 8; the images have"):
        small()(torch.zeros(shape), torch.ones(2))


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"width": 12}, "multiple of 8"),
        ({"width": 0}, "multiple of 8"),
        ({"levels": 0}, "`levels` must be at least 1"),
        ({"layers": 0}, "`layers` must be at least 1"),
        ({"size": (0, 4)}, "`size` must be at least 1"),
        ({"channels": 0}, "`channels` must be at least 1"),
    ],
)
def test_networks_that_cannot_be_made(settings: dict, told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        DiffusersPrior.create(**{"channels": 1, "size": 8, **settings})


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"num_class_embeds": 10}, "unconditional"),
        ({"time_embedding_type": "fourier"}, "Fourier"),
        ({"out_channels": 4}, "takes 3 and returns 4"),
    ],
)
def test_networks_that_are_no_priors(settings: dict, told: str) -> None:
    unet, scheduler = as_pretrained("epsilon", **settings)
    with pytest.raises(InvalidInput, match=told):
        DiffusersPrior(unet, scheduler)


def test_schedulers_that_are_none_of_a_prior() -> None:
    unet, scheduler = as_pretrained("epsilon")
    with pytest.raises(InvalidInput, match=r"table alphas_cumprod.*FlowMatchEuler"):
        DiffusersPrior(unet, FlowMatchEulerDiscreteScheduler())
    scheduler.register_to_config(prediction_type="flow")
    with pytest.raises(InvalidInput, match="got 'flow'"):
        DiffusersPrior(unet, scheduler)


def test_it_is_a_module_whose_weights_are_the_network() -> None:
    prior = small()
    assert isinstance(prior, nn.Module)
    assert all(name.startswith("unet.") for name in prior.state_dict())
