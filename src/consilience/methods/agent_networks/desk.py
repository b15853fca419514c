"""The desk: where artifacts lie that wait for somebody's word, and what was said of them on the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from consilience.dialogue.command.flags import read_text
from consilience.dialogue.work.artifact import Artifact
from consilience.ground.errors import InvalidInput
from consilience.methods.agent_networks.approval import Approved, Decision, Edited, Pending, Rejected, Submission

__all__ = ["Desk", "decided"]


@dataclass(frozen=True)
class Desk:
    """Answers with what was decided, and keeps what nobody has decided about.

    Parameters
    ----------
    decisions
        By element.
    """

    decisions: Mapping[str, Decision] = field(default_factory=dict)
    waiting: dict[str, Artifact] = field(default_factory=dict)

    async def decide(self, submission: Submission) -> Decision:
        """Decide about a submission; pending where nobody did."""
        decision = self.decisions.get(submission.element)
        if decision is None:
            self.waiting[submission.element] = submission.artifact
            return Pending()
        return decision


def decided(accept: Sequence[str], reject: Sequence[str], edit: Sequence[str]) -> dict[str, Decision]:
    """Read what was decided.

    Parameters
    ----------
    accept
        Elements whose artifacts may pass.
    reject
        Elements whose artifacts may not, or ``ELEMENT=REASON``.
    edit
        ``ELEMENT=FILE``: what passes instead.

    Raises
    ------
    InvalidInput
        When one is decided twice, or a file cannot be read.

    Examples
    --------
    >>> decided(["7"], ["3->7=too long"], [])
    {'7': Approved(), '3->7': Rejected(reason='too long')}
    """
    found: dict[str, Decision] = {}
    told: list[tuple[str, Decision]] = [(element, Approved()) for element in accept]
    told += [(element, Rejected(reason or "rejected")) for element, reason in map(_halves, reject)]
    told += [(element, _edited(element, file)) for element, file in map(_halves, edit)]
    for element, decision in told:
        if element in found:
            raise InvalidInput(f"each element must be decided once; got {element} twice")
        found[element] = decision
    return found


def _halves(text: str) -> tuple[str, str]:
    before, _, after = text.partition("=")
    return before, after


def _edited(element: str, file: str) -> Edited:
    if not file:
        raise InvalidInput(f"--edit must be ELEMENT=FILE; got {element!r} without a file")
    return Edited(read_text("--edit", f"@{file}"))
