"""A table-driven stand-in for a model, with known rates: for tests, studies and documents, and no language model.

Numbers that come from it say something about the loop and about the arithmetic of strategies, and nothing about models.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from hashlib import blake2b

from consilience.ground.errors import InvalidInput
from consilience.methods.self_correction.calls import current_call
from consilience.methods.self_correction.message import Message, prompt_hash
from consilience.methods.self_correction.rounds import Rounds

_FRESH = re.compile(r"<question>\n(.*?)\n</question>\n\n<answer>\n(.*?)\n</answer>", re.DOTALL)
_SPOKEN = re.compile(r"^VERDICT: (right|wrong)$", re.MULTILINE)
_WORD = 2.0**64


@dataclass(frozen=True)
class ScriptedModel:
    """Answers from a table and checks answers by it, rightly or wrongly at rates that are given.

    A first answer is right with probability `start`. Asked to check, it calls a wrong answer wrong with probability
    `tpr` and a right one with probability `fpr`; how sure it says it is means nothing. Asked again, it says what it
    said, unless the last check objected: then a wrong answer becomes right with probability `fix` and a right one wrong
    with probability `spoil`.

    The same call gives the same reply in every process: chance comes from a hash of seed, item and number of the call.
    Called outside of a `Corrector`, the same conversation gives the same reply.

    Raises
    ------
    InvalidInput
        If the table is empty, a rate is no probability, or there is no wrong answer to give.

    Examples
    --------
    >>> model = ScriptedModel({"Two and two?": "4"}, start=1.0, tpr=0.8, fpr=0.1, fix=0.6, spoil=0.5)
    >>> asyncio.run(model([{"role": "user", "content": "Two and two?"}]))
    '4'
    """

    truths: Mapping[str, str]
    """The right answer to each question."""
    _: KW_ONLY
    start: float | Mapping[str, float]
    """Probability that a first answer is right, for all questions or for each."""
    tpr: float
    """Probability that a check objects to a wrong answer."""
    fpr: float
    """Probability that a check objects to a right answer."""
    fix: float
    """Probability that a wrong answer that was objected to becomes right."""
    spoil: float
    """Probability that a right answer that was objected to becomes wrong."""
    wrong_answers: int = 3
    """How many wrong answers there are to each question, all equally likely."""
    latency_s: float = 0.0
    """How long every call takes."""
    seed: int = 0
    """Root of all chance."""

    def __post_init__(self) -> None:
        """Refuse rates out of range and an empty table."""
        starts = dict.fromkeys(self.truths, self.start) if isinstance(self.start, float | int) else dict(self.start)
        if not self.truths or set(starts) != set(self.truths):
            raise InvalidInput("the table must have a question, and `start` a rate for each; got others")
        for rate in (self.tpr, self.fpr, self.fix, self.spoil, *starts.values()):
            if not 0 <= rate <= 1:
                raise InvalidInput(f"rates must lie between 0 and 1; got {rate!r}")
        if self.wrong_answers < 1 or self.latency_s < 0:
            raise InvalidInput("`wrong_answers` must be at least 1 and `latency_s` at least 0")
        object.__setattr__(self, "_starts", starts)

    async def __call__(self, messages: list[Message]) -> str:
        """Answer, or check the last answer where the last message asks for a verdict."""
        if self.latency_s:
            await asyncio.sleep(self.latency_s)
        draw = self._draw(messages)
        wanted = messages[-1]["content"]
        fresh = _FRESH.search(wanted)
        question = fresh[1] if fresh else messages[0]["content"]
        if question not in self.truths:
            raise InvalidInput(f"expected a question of the table; got {question[:60]!r}")
        if "VERDICT:" in wanted and "<feedback>" not in wanted:
            return self._check(question, fresh[2] if fresh else messages[-2]["content"], draw)
        return self._answer(question, messages, draw)

    def is_right(self, question: str, answer: str) -> bool:
        """Whether the table has this answer to the question."""
        return answer == self.truths[question]

    @cached_property
    def rounds(self) -> Rounds:
        """What one round of checking and asking again does to answers of this model."""
        return Rounds.of(tpr=self.tpr, fpr=self.fpr, fix=self.fix, spoil=self.spoil)

    def _check(self, question: str, answer: str, draw: tuple[float, float]) -> str:
        right = self.is_right(question, answer)
        objects = draw[0] < (self.fpr if right else self.tpr)
        sure = 50 + 50 * draw[1]
        return f"I looked at it.\nVERDICT: {'wrong' if objects else 'right'}\nCONFIDENCE: {sure:.0f}"

    def _answer(self, question: str, messages: list[Message], draw: tuple[float, float]) -> str:
        before, objected = _last_answer_and_check(messages)
        if before is None:
            return self._say(question, right=draw[0] < self._starts[question], draw=draw[1])  # type: ignore[attr-defined]
        if not objected:
            return before
        if self.is_right(question, before):
            return self._say(question, right=draw[0] >= self.spoil, draw=draw[1])
        return self.truths[question] if draw[0] < self.fix else before

    def _say(self, question: str, *, right: bool, draw: float) -> str:
        truth = self.truths[question]
        return truth if right else f"not {truth} ({int(draw * self.wrong_answers) + 1})"

    def _draw(self, messages: list[Message]) -> tuple[float, float]:
        """Return two numbers from 0 to 1 that belong to the call."""
        call = current_call()
        key = f"{call.item}\0{call.number}" if call else prompt_hash(messages)
        digest = blake2b(f"{self.seed}\0{key}".encode(), digest_size=16).digest()
        return int.from_bytes(digest[:8], "big") / _WORD, int.from_bytes(digest[8:], "big") / _WORD


def _last_answer_and_check(messages: list[Message]) -> tuple[str | None, bool]:
    """Return what was answered last, and whether the last check after it objected."""
    answer, objected = None, False
    for message in messages:
        spoken = _SPOKEN.findall(message["content"])
        if spoken:
            objected = spoken[-1] == "wrong"
        elif message["role"] == "assistant":
            answer, objected = message["content"], False
    return answer, objected
