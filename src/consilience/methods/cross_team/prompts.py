"""Prompts: what the roles of a team are told, in parts that a journal keeps once.

A prompt of a plan is cut at its placeholders when the run begins. What fills one stands between tags of its name, the
task between ``<task>`` and ``</task>``; only a persona has none. The work of a team stands between ``<work>`` and
``</work>``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from consilience.dialogue.messages import Message
from consilience.dialogue.work.artifact import Artifact, Kind
from consilience.dialogue.work.attempts import FINISHED
from consilience.methods.cross_team.spec import Chain, Phase, Team, placeholders

__all__ = ["AGGREGATOR", "COMMENT", "MERGE", "REVISE", "Prompts"]

AGGREGATOR = (
    "You are a software analyst and editor whom teams trust with their work. Several teams have worked apart on the "
    "same task, and what they made competes. You compare piece by piece: what each does better than the others, and "
    "where it is wrong, unfinished or clumsy. Out of all of it you make one work that is better than each: the best of "
    "every piece, no weakness that another has solved, and nothing lost that only one of them thought of. What you "
    "hand on is complete and works as it stands; a placeholder in one work is filled from another."
)
MERGE = (
    "These works compete for the same task. Compare them, and make one work that has the strengths of all and the "
    "weaknesses of none. Hand on the whole of it."
)
COMMENT = (
    "Say in a few sentences what should be different, the most important first. If there is nothing left that is worth "
    f"a change, answer only {FINISHED}"
)
REVISE = "Do it again as the comment says. Keep what is good, and hand on the whole of it."

_SPLIT = re.compile(r"((?<!\{)\{[a-zA-Z_][a-zA-Z0-9_]*\}(?!\}))")
_TAGS = {"artifact": "work"}


class _Segment(NamedTuple):
    """A text of a prompt and the placeholder after it; the last one has none."""

    text: str
    name: str


class Prompts:
    r"""Messages to the teams of one run.

    Parameters
    ----------
    chain
        The phases and roles.
    task
        What the whole run is about.
    kind
        What an answer looks like.

    Examples
    --------
    >>> from consilience.dialogue.work.kinds import Text
    >>> phase = Phase(name="draft", assistant="writer", prompt="{task}\n\nWrite it.")
    >>> chain = Chain(steps=(phase,), roles={"writer": "You write."})
    >>> system, user = Prompts(chain, "Say hello.", Text()).ask(phase, Team(name="A"), {})
    >>> system.text.partition("\n")[0], user.text
    ('You write.', '<task>\nSay hello.\n</task>\n\nWrite it.')
    """

    def __init__(self, chain: Chain, task: str, kind: Kind) -> None:
        self._roles = chain.roles
        self._form = f"\n\n{kind.form}"
        self._duty = f"\n\n{kind.duty}"
        self._task = f"<task>\n{task}\n</task>"
        self._about = f"{self._task}\n\n<work>\n"
        self._segments = {phase.name: self._cut(phase.prompt) for _, phase in chain.phases}
        self._systems: dict[tuple[str, str, str], Message] = {}
        self.reads = {phase.name: frozenset(placeholders(phase.prompt)) for _, phase in chain.phases}
        """Placeholders of each phase."""

    def ask(self, phase: Phase, team: Team, values: Mapping[str, str]) -> tuple[Message, ...]:
        """Ask the assistant of a phase.

        Parameters
        ----------
        phase
            Of the chain.
        team
            Whose.
        values
            What fills its placeholders, but for the task and the persona; a note that was never made is missing.
        """
        parts: list[str] = []
        for text, name in self._segments[phase.name]:
            filling = team.persona if name == "persona" else values.get(name, "")
            parts += (text, filling) if filling else (text,)
        return self._assistant(phase, team), Message("user", tuple(parts))

    def comment(self, phase: Phase, team: Team, work: str) -> tuple[Message, ...]:
        """Ask the instructor of a phase what should be different."""
        return (
            self._system(team, phase.instructor, self._duty),
            Message("user", (self._about, work, "\n</work>\n\n", COMMENT)),
        )

    def revise(self, phase: Phase, team: Team, work: str, comment: str) -> tuple[Message, ...]:
        """Ask the assistant of a phase to do as the comment says."""
        return (
            self._assistant(phase, team),
            Message("user", (self._about, work, "\n</work>\n\n<comment>\n", comment, "\n</comment>\n\n", REVISE)),
        )

    def merge(self, works: Iterable[Artifact]) -> tuple[Message, ...]:
        """Ask an aggregator to make one of several."""
        pieces = [part for work in works for part in ("<work>\n", work.text, "\n</work>\n\n")]
        return (
            self._message("", AGGREGATOR, self._form),
            Message("user", (self._task, "\n\n", *pieces, MERGE)),
        )

    def _assistant(self, phase: Phase, team: Team) -> Message:
        if phase.makes == "artifact":
            return self._system(team, phase.assistant, self._form)
        return self._system(team, phase.assistant, self._duty if "artifact" in self.reads[phase.name] else "")

    def _system(self, team: Team, role: str, ending: str) -> Message:
        return self._message(team.persona, self._roles[role], ending)

    def _message(self, persona: str, role: str, ending: str) -> Message:
        key = (persona, role, ending)
        message = self._systems.get(key)
        if message is None:
            parts = (role, f"\n\n{persona}" if persona else "", ending)
            message = self._systems[key] = Message("system", tuple(filter(None, parts)))
        return message

    def _cut(self, prompt: str) -> tuple[_Segment, ...]:
        """Cut a prompt at its placeholders, texts between two of them joined: they are kept once."""
        pieces = [piece for piece in _SPLIT.split(prompt) if piece]
        segments: list[_Segment] = []
        text = ""
        for piece in pieces:
            name = piece[1:-1]
            if not _SPLIT.fullmatch(piece):
                text += piece.replace("{{", "{").replace("}}", "}")
            elif name == "task":
                text += self._task
            elif name == "persona":
                segments.append(_Segment(text, name))
                text = ""
            else:
                tag = _TAGS.get(name, name)
                segments.append(_Segment(f"{text}<{tag}>\n", name))
                text = f"\n</{tag}>"
        return (*segments, _Segment(text, ""))
