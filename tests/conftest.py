"""What every test stands on: shapes checked, sockets closed, one thread, no display, and a room to experiment with."""

import gc
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from textwrap import dedent
from uuid import uuid4

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")
os.environ["MPLBACKEND"] = "Agg"
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import jaxtyping
import postgres_cluster
import pytest
import shape_checks
from hypothesis import HealthCheck, settings
from together import pytest_xdist_make_scheduler

__all__ = ["pytest_xdist_make_scheduler"]

# Before anything imports consilience, so that every shape in a signature is checked while the tests run.
shape_checks.install("consilience")

# The same examples every time, and no clock: a slow machine is not a wrong answer.
settings.register_profile("house", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")


def pytest_collection_finish() -> None:
    """Spare the collector what libraries and tests brought: it would look through it all whenever a training begins."""
    gc.collect()
    gc.freeze()


_LOOPBACK = ("127.", "::1", "localhost")


def _refuse_the_network(address: object) -> None:
    host = address[0] if isinstance(address, tuple) else address
    if isinstance(address, tuple) and not str(host).startswith(_LOOPBACK):
        raise PermissionError(f"tests may not reach the network; something tried {address!r}")


@pytest.fixture(autouse=True)
def closed_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let sockets connect to this machine only."""
    connect, connect_ex, getaddrinfo = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def guarded_connect(self: socket.socket, address: object) -> None:
        _refuse_the_network(address)
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: object) -> int:
        _refuse_the_network(address)
        return connect_ex(self, address)

    def guarded_getaddrinfo(host: object, *args: object, **kwargs: object) -> object:
        _refuse_the_network((host or "localhost",))
        return getaddrinfo(host, *args, **kwargs)

    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
    monkeypatch.setattr(socket, "getaddrinfo", guarded_getaddrinfo)


@pytest.fixture(scope="session")
def postgres() -> "Iterator[postgres_cluster.Cluster]":
    """Run a PostgreSQL server of the tests' own."""
    with ExitStack() as stack:
        try:
            server = stack.enter_context(postgres_cluster.cluster())
        except postgres_cluster.Absent as reason:
            pytest.skip(str(reason))
        yield server


@pytest.fixture
def postgres_url(postgres: "postgres_cluster.Cluster") -> str:
    """Return the address of an empty database."""
    name = f"test_{uuid4().hex}"
    postgres.execute(f"CREATE DATABASE {name}")
    return postgres.url(name)


@pytest.fixture
def past_the_types() -> Iterator[None]:
    """Let a test do what types forbid, as whoever has no type checker may."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


THROWAWAY = {
    "__init__.py": '''
        """Does a coin land on heads half the time?

        Idea: toss it often and count.

        Source: arXiv:0000.00000.
        """

        from consilience.methods.throwaway.config import Config
        from consilience.methods.throwaway.experiment import run

        __all__ = ["Config", "run"]
        ''',
    "config.py": '''
        """Settings."""

        from pydantic.dataclasses import dataclass

        from consilience.ground import STRICT


        @dataclass(frozen=True, kw_only=True, config=STRICT)
        class Config:
            """Settings of the coin."""

            recipe: str = "smoke"
            """Recipe the settings started from."""
            seed: int = 0
            """Root of all randomness."""
            tosses: int = 1000
            """How often the coin is tossed."""
            needed: float = 0.4
            """Share of heads that the bar asks for, 0 to 1."""
        ''',
    "experiment.py": '''
        """Toss and count."""

        from consilience.ground import Evidence, Measurement, Statement, Streams, conduct

        HEADS = Statement(id="coin.heads", sentence="Heads come up half the time.", source="arXiv:0000.00000")
        EDGE = Statement(id="coin.edge", sentence="No coin lands on its edge.", source="arXiv:0000.00000")


        def run(config, folder):
            """Measure both claims."""

            def heads():
                folder.record("tossing", tosses=config.tosses)
                share = Streams(config.seed).generator("coin").integers(0, 2, config.tosses).mean()
                return Evidence(measurements=(Measurement(name="heads", value=share, at_least=config.needed),))

            return conduct("throwaway", config, folder, [(HEADS, heads), (EDGE, "needs a thinner coin")])
        ''',
    "commands.py": '''
        """Verbs."""

        from consilience.ground import InvalidInput


        def toss(coin: str, /, *, times: int = 1) -> None:
            """Toss a coin.

            Parameters
            ----------
            coin
                Which coin.
            times
                How often.
            """
            if times < 1:
                raise InvalidInput(f"`times` must be at least 1; got {times}")
            print(coin, times)


        def melt() -> None:
            """Melt the coin, which is a bug."""
            raise ZeroDivisionError("molten")


        VERBS = {"toss": toss, "melt": melt}
        ''',
    "recipes/smoke.toml": "tosses = 100\n",
    "recipes/small.toml": "tosses = 1000\n",
    "recipes/paper.toml": "tosses = 10000\n",
}


@pytest.fixture
def throwaway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Build a room that exists for one test, known to the catalogue, and return its folder."""
    from consilience import catalogue, methods

    folder = tmp_path / "methods" / "throwaway"
    for name, text in THROWAWAY.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text).lstrip("\n"), encoding="utf-8")
    entry = catalogue.Method(
        name="throwaway",
        question="Does a coin land on heads half the time?",
        paper="On Coins",
        authors=("Ada Toss",),
        year=2024,
        arxiv="0000.00000",
    )
    monkeypatch.setattr(methods, "__path__", [*methods.__path__, str(folder.parent)])
    monkeypatch.setattr(catalogue, "METHODS", (entry,))
    yield folder
    for name in [name for name in sys.modules if name.startswith("consilience.methods.throwaway")]:
        del sys.modules[name]
    vars(methods).pop("throwaway", None)
