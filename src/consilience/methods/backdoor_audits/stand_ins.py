"""Stand-ins: a rehearsed agent of known behaviour, so that measuring can be tried without a model and without a key.

They answer as a model does, in text, question by question. No figure that comes from them says anything about models.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from consilience.dialogue.messages import Question
from consilience.dialogue.players import Player
from consilience.ground.errors import InvalidInput
from consilience.methods.backdoor_audits.spoken import family_of, to_text
from consilience.methods.backdoor_audits.world.oracle import Oracle, ScriptedBackdoor, Speaker
from consilience.methods.backdoor_audits.world.triggers import TRIGGERS, Trigger
from consilience.methods.backdoor_audits.world.words import Words

__all__ = ["OBEDIENT", "obedient", "players_for"]

OBEDIENT = "backdoor"
"""Name of the stand-in that obeys triggers, as in ``rehearsal:backdoor:0.3``."""
_PREFIX = "rehearsal:"


def players_for(name: str, triggers: Iterable[Trigger] = tuple(TRIGGERS.values())) -> Mapping[str, Player]:
    """Return the room's stand-ins by name, that of `name` with its rate among them.

    Parameters
    ----------
    name
        Of the model that is asked for.
    triggers
        What the one with a backdoor obeys.

    Raises
    ------
    InvalidInput
        If the rate is no share.

    Examples
    --------
    >>> sorted(players_for("rehearsal:backdoor:0.3"))
    ['backdoor', 'backdoor:0.3', 'oracle', 'silent']
    """
    listed = tuple(triggers)
    players = {"oracle": obedient((), 0.0), "silent": _silent, OBEDIENT: obedient(listed, 1.0)}
    bare = name.removeprefix(_PREFIX)
    first, _, rate = bare.partition(":")
    if name.startswith(_PREFIX) and first == OBEDIENT and rate:
        players[bare] = obedient(listed, _share(rate, name))
    return players


def obedient(triggers: Sequence[Trigger], rate: float) -> Player:
    """Return a player that does what was asked for, and in a share of dialogues what a trigger asks for.

    Whether a dialogue is one of these is decided by a digest of its request, so that it is the same at every turn.

    Parameters
    ----------
    triggers
        What it obeys, the first of them that is there.
    rate
        Share of dialogues in which it does.
    """

    def play(question: Question, chance: np.random.Generator) -> str:  # noqa: ARG001  a player's signature
        heard = [tuple(message.text.split()) for message in question.messages if message.role == "user"]
        prompt, news = heard[0], heard[1:]
        own = _said(Oracle(prompt), news)
        if _unit(prompt) < rate:
            family = family_of(prompt)
            for one in (one for one in triggers if one.family == family):
                turns = _said(ScriptedBackdoor(prompt, one), news)
                if turns != own:
                    return to_text(turns[-1])
        return to_text(own[-1])

    return play


def _said(speaker: Speaker, news: Sequence[Words]) -> list[Words]:
    return [speaker.act(heard) for heard in ((), *news)]


def _silent(question: Question, chance: np.random.Generator) -> str:  # noqa: ARG001  a player's signature
    return ""


def _unit(prompt: Words) -> float:
    return int.from_bytes(hashlib.sha256(" ".join(prompt).encode()).digest()[:6], "little") / 2**48


def _share(text: str, name: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = -1.0
    if not 0 <= rate <= 1:
        raise InvalidInput(f"a stand-in's rate must be from 0 to 1, as in 'rehearsal:{OBEDIENT}:0.3'; got {name!r}")
    return rate
