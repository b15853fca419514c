"""Replayed: whether the same came out of a run that was done again from its journal, in words or as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from consilience.dialogue.command.telling import say

__all__ = ["tell_replayed"]

_NAMED = 5
"""Elements that are named where a replay differs."""


def tell_replayed(facts: Mapping[str, Any], *, works: str, as_json: bool) -> int:
    """Print whether the same came out, and return 0 if it did, else 1.

    Parameters
    ----------
    facts
        ``same``, ``notice``, and ``trouble`` where there was no replay; otherwise ``digest`` now and the one
        ``recorded`` before, how many ``calls`` were answered and works ``compared``, and which elements are
        ``differing`` or ``missing``.
    works
        What was compared, in the plural.
    as_json
        Print the facts instead of words; the notice goes to standard error then.

    Examples
    --------
    >>> facts = {"same": True, "notice": "", "digest": "9f", "recorded": "9f", "calls": 12, "compared": 3}
    >>> tell_replayed({**facts, "differing": [], "missing": []}, works="works", as_json=False)
    the same: 12 replies from the journal, 3 works alike, hash 9f
    0
    """
    say(json.dumps(facts, indent=2) if as_json else _in_words(facts, works))
    if facts["notice"]:
        say(facts["notice"], aside=as_json)
    return 0 if facts["same"] else 1


def _in_words(facts: Mapping[str, Any], works: str) -> str:
    if "trouble" in facts:
        return f"not replayed: {facts['trouble']}"
    if facts["same"]:
        return (
            f"the same: {facts['calls']:,} replies from the journal, {facts['compared']:,} {works} alike, "
            f"hash {facts['digest'] or 'none yet'}"
        )
    where = [*facts["differing"], *facts["missing"]]
    dots = ", ..." if len(where) > _NAMED else ""
    return (
        f"not the same: hash {facts['digest']} and before {facts['recorded']}; "
        f"{len(where):,} {works} differ: {', '.join(where[:_NAMED])}{dots}"
    )
