"""The folder of one run of teams, and what lies in it.

::

    run.json          version, order and means: all that was asked for
    plan.yaml         the chain, the teams and how they meet
    task.md           what the teams worked on
    journal.sqlite    what was answered, unless another journal keeps it
    transcript.jsonl  what happened when
    program/          what came of it, ready to run: a program or a function; answer.md for a story or a text
    tests/            the tests it was to pass
    lineage.json      which team gave which file and which function
    result.json       how it ended and what it cost
    page.html         all of that to look at
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from consilience.dialogue.command.kept import KeptRun, Record, in_bytes
from consilience.dialogue.work.artifact import Artifact
from consilience.dialogue.work.kinds.repository import files_of
from consilience.ground.folder import write_whole
from consilience.methods.cross_team.formats import read, write
from consilience.methods.cross_team.order import Order
from consilience.methods.cross_team.spec import Plan

__all__ = ["TeamsFolder"]

_OWN = (
    "plan.yaml",
    "task.md",
    "program",
    "answer.md",
    "tests",
    "lineage.json",
)
"""What a run writes, beside what every run of agents does."""


class TeamsFolder(KeptRun[Record[Order]]):
    """One run of teams on disk.

    Parameters
    ----------
    path
        The folder.

    Examples
    --------
    >>> TeamsFolder(Path("runs/game")).program.as_posix()
    'runs/game/program'
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, Record[Order], writes=_OWN)
        self.program = path / "program"
        """What came of a run that made a program."""
        self.tests = path / "tests"
        """The tests that it was to pass."""
        self.lineage = path / "lineage.json"
        """Which team gave which file and which function."""
        self._plan = path / "plan.yaml"

    def begin(self, record: Record[Order], plan: Plan) -> None:
        """Lay a run down that is new, or the same again.

        Raises
        ------
        InvalidInput
            When the folder cannot be made, or another run lies there.
        """

        def beside() -> None:
            write(plan, self._plan)
            self.keep_text("task.md", record.order.task)
            tests = {"visible.py": record.order.tests, "hidden.py": record.order.hidden_tests}
            told = {name: text for name, text in tests.items() if text.strip()}
            if told:
                self.keep_files(self.tests.name, told)

        self.lay(record, beside)

    def plan(self) -> Plan:
        """Return the plan."""
        return read(self._plan)

    def keep_artifact(self, artifact: Artifact, order: Order) -> Path:
        """Write what came of the run, and return where: a folder that can be run, or a file that can be read."""
        match order.kind:
            case "program":
                return self.keep_files(self.program.name, files_of(artifact.text) or {"answer.txt": artifact.text})
            case "function":
                return self.keep_files(self.program.name, {f"{order.entry}.py": f"{artifact.text.rstrip()}\n"})
            case "story" | "text":
                return self.keep_text("answer.md", artifact.text)

    def keep_lineage(self, lineage: Mapping[str, Any]) -> Path:
        """Write down whose work is in what came of the run."""
        return write_whole(self.lineage, in_bytes(json.dumps(lineage, indent=2) + "\n"))

    def kept_lineage(self) -> dict[str, Any]:
        """Return whose work is in what came of the run; an empty mapping where that is not known."""
        try:
            found = json.loads(self.lineage.read_bytes())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}
