"""Differing: how a merge differs from each of what it was made from, file by file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from consilience.dialogue.command.means import Means
from consilience.dialogue.command.telling import say
from consilience.dialogue.history import Artifact as Kept
from consilience.dialogue.rehearsal import notice_for
from consilience.dialogue.work.artifact import Artifact
from consilience.ground.errors import InvalidInput, UnknownName
from consilience.ground.wording import many
from consilience.methods.cross_team.job import found
from consilience.methods.cross_team.lineage import differences
from consilience.methods.cross_team.turns import AGGREGATE

__all__ = ["run"]


def run(
    folder: Path,
    *,
    merge: str | None = None,
    parent: str | None = None,
    journal: str | None = None,
    as_json: bool = False,
) -> int:
    """Print how merges differ from their parents, and return the exit status.

    Parameters
    ----------
    folder
        Of the run.
    merge
        Which one; all that passed if None.
    parent
        Only from this one: an element, or a team.
    journal
        Where the journal is now.
    as_json
        Print JSON instead of words.
    """
    job = found(folder, Means(journal=journal))
    with job.journal(replay_only=True) as kept:
        made = {one.element: one for one in kept.artifacts()}
        notice = notice_for({name for call in kept.calls() for name in (call.model, call.reply.model)})
    merges = [name for name in made if name.partition(AGGREGATE)[2] and made[name].kind not in ("meeting", "decision")]
    if merge is not None and merge not in merges:
        raise UnknownName("merge", merge, merges)
    chosen = [merge] if merge is not None else merges
    told = [entry for name in chosen for entry in _compared(made, name, parent)]
    if parent is not None and not told:
        parents = sorted({name for one in chosen for name in made[one].parents})
        raise UnknownName("parent", parent, parents)
    if not chosen and not as_json:
        raise InvalidInput(f"there must be a merge that passed; {folder} has none: `show` says what became of them")
    say(json.dumps(told, indent=2) if as_json else "\n".join(_lines(told)))
    if notice:
        say(notice, aside=as_json)
    return 0


def _compared(made: Mapping[str, Kept], merge: str, parent: str | None) -> Iterator[dict[str, Any]]:
    for name in made[merge].parents:
        if parent in (None, name, name.partition("/")[0]) and name in made:
            files = differences(Artifact(made[name].text), Artifact(made[merge].text))
            yield {"merge": merge, "parent": name, "files": files}


def _lines(told: list[dict[str, Any]]) -> Iterator[str]:
    for entry in told:
        count = len(entry["files"])
        how = "is the same" if not count else f"{many(count, 'file')} differ{'s' * (count == 1)}"
        yield f"=== {entry['parent']} -> {entry['merge']}: {how}"
        yield from entry["files"].values()
