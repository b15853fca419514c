"""Global generators are lent and come back, and those of devices that were not named are never touched."""

from collections.abc import Callable
from contextlib import nullcontext

import pytest

torch = pytest.importorskip("torch", reason="the torch extra is not installed")

from consilience.neural.generators import seeded  # noqa: E402
from consilience.neural.weights import initialised  # noqa: E402


def test_the_seed_alone_decides_and_everything_is_put_back_even_after_a_failure() -> None:
    before = torch.get_rng_state()
    drawn = []
    for seed in (0, 0, 1):
        with seeded(seed):
            drawn.append(torch.rand(3))
    with pytest.raises(ZeroDivisionError), seeded(0):
        raise ZeroDivisionError
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


def test_what_is_drawn_is_what_torch_itself_draws_of_a_seed() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        expected = torch.rand(3)
    with seeded(5):
        assert torch.equal(torch.rand(3), expected)


def test_accelerators_that_are_not_named_keep_their_state(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (torch.cuda, torch.xpu):
        monkeypatch.setattr(module, "manual_seed_all", lambda seed: pytest.fail("every device was seeded"))
    monkeypatch.setattr(torch.mps, "manual_seed", lambda seed: pytest.fail("another device was seeded"))
    with seeded(0):
        pass
    initialised(0, lambda: torch.nn.Linear(2, 2))


def test_of_several_gpus_the_one_named_is_seeded_and_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, object]] = []

    def kept(devices: list[torch.device]) -> nullcontext:
        return record("kept")(devices)

    def record(what: str) -> Callable[[object], nullcontext]:
        return lambda value: told.append((what, value)) or nullcontext()

    monkeypatch.setattr(torch.random, "fork_rng", kept)
    monkeypatch.setattr(torch.cuda, "device", record("on"))
    monkeypatch.setattr(torch.cuda, "manual_seed", record("seeded"))
    state, gpu = torch.get_rng_state(), torch.device("cuda:1")
    with seeded(7, gpu):
        told.append(("inside", None))
    torch.set_rng_state(state)
    assert told == [("kept", [gpu]), ("on", gpu), ("seeded", 7), ("inside", None)]


def test_on_metal_the_state_is_put_back_even_after_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[object] = []
    monkeypatch.setattr(torch.mps, "get_rng_state", lambda: "before")
    monkeypatch.setattr(torch.mps, "manual_seed", told.append)
    monkeypatch.setattr(torch.mps, "set_rng_state", told.append)
    with pytest.raises(ZeroDivisionError), seeded(7, torch.device("mps")):
        raise ZeroDivisionError
    assert told == [7, "before"]
