"""Processes that share a run: who does what, and that two of them end where one does."""

import os
import runpy
import socket
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

torch = pytest.importorskip("torch", reason="the em extra is not installed")

from consilience.ground.errors import MissingDependency  # noqa: E402
from consilience.methods.em_diffusion.state import read_state  # noqa: E402
from consilience.methods.em_diffusion.workers import Workers  # noqa: E402

SCRIPT = dedent(
    '''
    """A tiny run of EM, by as many processes as were started, that writes down what each of them wrote."""

    import sys
    from pathlib import Path

    import torch

    from consilience.methods.em_diffusion import em
    from consilience.methods.em_diffusion.corruption import Inpainting
    from consilience.methods.em_diffusion.network import ResidualPerceptron
    from consilience.methods.em_diffusion.observation import Observations
    from consilience.methods.em_diffusion.prior import NetworkPrior
    from consilience.methods.em_diffusion.sampling import Sampling
    from consilience.methods.em_diffusion.training import Training
    from consilience.methods.em_diffusion.workers import Workers


    def draw(*shape, seed=0):
        return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


    def build(folder, workers):
        network = ResidualPerceptron(1, 8, 8, width=16, blocks=1)
        for place, parameter in enumerate(network.parameters()):
            parameter.data.copy_(0.1 * draw(*parameter.shape, seed=place))
        masks = Inpainting.random(11, (1, 8, 8), 0.6, seed=1, noise_std=0.1)
        return em.EM(
            NetworkPrior(network, sigma_data=0.7),
            Observations.corrupt(draw(11, 1, 8, 8), masks, seed=0),
            draw(3, 1, 8, 8, seed=9),
            rounds=em.Rounds(rounds=2, steps=5, samples=2),
            training=Training(batch_size=9),
            sampling=Sampling(steps=3, corrections=1),
            folder=folder,
            workers=workers,
        )


    def main(folder):
        torch.set_num_threads(1)
        workers, written = Workers.launched(), []
        for name in ("write_state", "write_whole"):
            write = getattr(em, name)
            setattr(em, name, lambda path, *rest, write=write: (written.append(path.name), write(path, *rest)))
        rows = torch.arange(11.0)[list(workers.rows(11))]
        gathered = workers.gather(rows[:, None].expand(-1, 2), 11)
        assert gathered.tolist() == [[float(row)] * 2 for row in range(11)], gathered
        one = torch.nn.Parameter(torch.zeros(2))
        one.grad = torch.tensor([1.0, workers.rank])
        workers.add_gradients([one, torch.nn.Parameter(torch.zeros(1))])
        assert one.grad.tolist() == [2.0, 1.0], one.grad
        run = build(folder / "run", workers)
        run.run()
        (folder / f"written-{workers.rank}").write_text("\\n".join(written))
        torch.save(run.learner.average.state_dict(), folder / f"average-{workers.rank}")
        workers.wait()
        torch.distributed.destroy_process_group()


    if __name__ == "__main__":
        main(Path(sys.argv[1]))
    '''
)


def alone() -> dict[str, str]:
    """Return the environment without what a launcher may have left there."""
    launched = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
    return {name: value for name, value in os.environ.items() if name not in launched}


def free_port() -> str:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return str(one.getsockname()[1])


def launch(script: Path, folder: Path, count: int) -> None:
    """Start the script as a user would; other devices are hidden, so that the processes speak gloo."""
    launcher = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu"]
    options = ["--num_machines", "1", "--num_processes", str(count), "--main_process_port", free_port()]
    # Said, since the defaults are announced with a warning, and read from a user's own settings.
    options += ["--mixed_precision", "no", "--dynamo_backend", "no"]
    own = {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo", "HF_HOME": str(folder)}
    done = subprocess.run(
        [*launcher, *options, script, folder],
        env=alone() | own,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]


@pytest.mark.skipif(not torch.distributed.is_gloo_available(), reason="this torch is built without gloo")
def test_two_processes_end_where_one_does_and_one_of_them_writes_the_state(tmp_path) -> None:
    pytest.importorskip("accelerate", reason="the em extra is not installed")
    script = tmp_path / "fit.py"
    script.write_text(SCRIPT)
    launch(script, tmp_path, 2)
    one = runpy.run_path(str(script))["build"](tmp_path / "alone", Workers())
    one.run()
    both = [torch.load(tmp_path / f"average-{rank}", weights_only=True) for rank in range(2)]
    for name, tensor in one.prior.state_dict().items():
        assert torch.equal(both[0][name], both[1][name])
        assert float((both[0][name] - tensor).abs().max()) < 1e-5
    _, cursor = read_state(tmp_path / "run" / "learner.safetensors")
    for past, expected in zip(cursor["history"], one.history, strict=True):
        assert past["residual"] == pytest.approx(expected.residual, abs=1e-4)
        assert past["held_out"] == pytest.approx(expected.held_out, abs=1e-4)
    written = [(tmp_path / f"written-{rank}").read_text().split() for rank in range(2)]
    assert written[0] == ["run.json", *["part-00-00000.safetensors", "learner.safetensors"] * 2]
    assert written[1] == ["part-01-00000.safetensors"] * 2
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["learner.safetensors", "run.json"]


@pytest.mark.parametrize(("rows", "count"), [(10, 1), (10, 3), (7, 4), (2, 3)])
def test_every_row_is_one_process_s(rows, count) -> None:
    parts = [list(Workers(rank=rank, count=count).rows(rows)) for rank in range(count)]
    assert sorted(row for part in parts for row in part) == list(range(rows))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_the_first_leads() -> None:
    assert [Workers(rank=rank, count=3).leads for rank in range(3)] == [True, False, False]
    assert Workers().leads


def test_alone_nothing_is_passed_around() -> None:
    part, one = torch.rand(4, 2), torch.nn.Parameter(torch.zeros(2))
    one.grad = torch.ones(2)
    assert Workers().gather(part, 4) is part
    Workers().add_gradients([one])
    Workers().wait()
    assert one.grad.tolist() == [1.0, 1.0]


def test_without_a_launcher_there_is_one_process(monkeypatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert Workers.launched() == Workers()
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert Workers.launched() == Workers()


def test_several_processes_without_accelerate_are_told_what_to_install(monkeypatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setitem(sys.modules, "accelerate", None)
    with pytest.raises(MissingDependency, match=r"install consilience\[em\]"):
        Workers.launched()
