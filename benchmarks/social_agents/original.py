"""Look things up with this memory and with the original's method on MariaDB, in turns, and keep the numbers.

Run from the root of the repository, with MariaDB's server (Debian: mariadb-server) and PyMySQL installed::

    python benchmarks/social_agents/original.py                     # the made-up town: lookups, about five minutes
    python benchmarks/social_agents/original.py --script s01.csv \
        --persona-chats FOLDER --questions friendsqa_dev.json       # files of your own: lookups and recall

The method is written anew in `consilience.methods.social_agents.studies.original`.
"""

import argparse
import json
import subprocess
import tempfile
from importlib.metadata import version
from pathlib import Path

from pydantic import TypeAdapter

from consilience.ground import Evidence, MissingDependency, RunFolder, Streams
from consilience.ground.folder import write_whole
from consilience.ground.machine import machine, versions
from consilience.methods.social_agents.config import Config
from consilience.methods.social_agents.studies.lookup import lookup
from consilience.methods.social_agents.studies.mariadb import absent
from consilience.methods.social_agents.studies.recall import recall

RESULTS = Path(__file__).parent / "results"


def said(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() or "unknown"


def told() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Look things up beside the original's method, and keep the numbers.")
    parser.add_argument("--script", default="", help="a script as a table; the made-up town if left out")
    parser.add_argument("--persona-chats", default="", help="chats that fill the script's world up")
    parser.add_argument("--questions", default="", help="FriendsQA's questions over the script")
    parser.add_argument("--rounds", type=int, default=2, help="in which both have their turns; 2 if left out")
    parser.add_argument("--lookups", type=int, default=300, help="of each, at most; 300 if left out")
    parser.add_argument("--seed", type=int, default=1, help="settings were chosen on seeds from 100 on; 1 if left out")
    return parser.parse_args()


def main() -> None:
    if why := absent():
        raise MissingDependency(why)
    words = told()
    config = Config(
        recipe="beside the original",
        seed=words.seed,
        town_messages=65_800,
        script=words.script,
        persona_chats=words.persona_chats,
        questions=words.questions,
        lookup_queries=words.lookups,
        lookup_rounds=words.rounds,
        original_queries=words.lookups,
    )
    studies = {"iagents.lookup": lookup} | ({"iagents.recall": recall} if words.questions else {})
    found = {}
    with tempfile.TemporaryDirectory() as scratch:
        folder = RunFolder(scratch, quiet=True)
        for name, study in studies.items():
            found[name] = evidence = study(config, Streams(words.seed).child(name), folder)
            for one in evidence.measurements:
                print(f"{name}  {one.name}: {one.value}  ({one.bar or 'no bar'})")
    record = {
        "commit": said(["git", "describe", "--always", "--dirty", "--abbrev=12"]),
        "seed": words.seed,
        "rounds": words.rounds,
        "machine": machine(),
        "versions": versions() | {"PyMySQL": version("PyMySQL"), "MariaDB": said(["mariadb", "--version"])},
        "claims": {name: TypeAdapter(Evidence).dump_python(one, mode="json") for name, one in found.items()},
    }
    path = RESULTS / f"original_{'script' if words.script else 'town'}_{words.seed}.json"
    path.parent.mkdir(exist_ok=True)
    print(f"wrote {write_whole(path, json.dumps(record, indent=2) + chr(10))}")


if __name__ == "__main__":
    main()
