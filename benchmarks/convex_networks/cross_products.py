"""Measure cross products and sketches at full size, beside the SVD, kingdon and clifford, and keep the numbers.

Run from the root of the repository: ``python benchmarks/convex_networks/cross_products.py``.
About a minute on one core.
"""

import json
import subprocess
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pydantic import TypeAdapter

from consilience.ground import Evidence, RunFolder, Streams
from consilience.ground.folder import write_whole
from consilience.ground.machine import machine, versions
from consilience.methods.convex_networks.config import Config
from consilience.methods.convex_networks.studies.algebra import cross
from consilience.methods.convex_networks.studies.sketches import sketch

SEED = 20240602
CONFIG = Config(seed=SEED, cross_dimensions=(8, 32, 64, 128, 256, 384, 512, 1000), cross_repeats=9, sketch_draws=40_000)
RESULTS = Path(__file__).parent / "results"


def commit() -> str:
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() or "unknown"


def peers() -> dict[str, str]:
    found = {}
    for library in ("kingdon", "clifford"):
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            found[library] = "not installed"
    return found


def main() -> None:
    streams = Streams(SEED)
    with tempfile.TemporaryDirectory() as scratch:
        folder = RunFolder(scratch, quiet=True)
        claims = {
            "convex.cross": cross(CONFIG, streams.child("convex.cross"), folder),
            "convex.sketch": sketch(CONFIG, streams.child("convex.sketch"), folder),
        }
    for name, evidence in claims.items():
        for measurement in evidence.measurements:
            print(f"{name}  {measurement.name}: {measurement.value}  ({measurement.bar or 'no bar'})")
    record = {
        "commit": commit(),
        "seed": SEED,
        "machine": machine(),
        "versions": versions() | peers(),
        "settings": {name: getattr(CONFIG, name) for name in ("cross_dimensions", "cross_repeats", "sketch_draws")},
        "claims": {
            name: TypeAdapter(Evidence).dump_python(evidence, mode="json", exclude={"figures"})
            for name, evidence in claims.items()
        },
    }
    print(f"wrote {write_whole(RESULTS / 'cross_products.json', json.dumps(record, indent=2) + chr(10))}")


if __name__ == "__main__":
    main()
