"""Orders: what the verbs that ask models are to do, whom they ask and what that may cost, as they are typed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import tyro
from pydantic import Field
from pydantic.dataclasses import dataclass

from consilience.dialogue.command.again import require_model
from consilience.dialogue.command.means import Means
from consilience.dialogue.messages import Settings
from consilience.ground import STRICT, Count

__all__ = ["Answering", "Asking", "Defending", "Spending", "Weighing"]

_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_Names = Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME")]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Answering:
    """Who answers, and how."""

    model: str | None = None
    """Who answers, such as openai:gpt-4o; with --base-url the server's own name for it; a stand-in if left out."""
    base_url: str | None = None
    """Address of a server that speaks the chat-completions protocol, such as http://localhost:8000/v1; its key, if it
    wants one, is read from CONSILIENCE_API_KEY."""
    temperature: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    """How freely is answered; the provider's own if left out. At 0, votes and best-of-n draw the same again."""
    max_tokens: Count | None = None
    """Tokens of a reply at most, the same for answers and checks; the provider's own limit if left out."""
    rounds: Annotated[int, Field(ge=0)] = 2
    """Rounds of a check and an answer; every strategy may take as many calls, 1 + 2 ROUNDS a question."""

    @property
    def calls(self) -> int:
        """Calls that a question may take."""
        return 1 + 2 * self.rounds

    @property
    def settings(self) -> Settings:
        """How to answer."""
        return Settings(temperature=self.temperature, max_tokens=self.max_tokens)

    def is_played(self, stand_in: str) -> bool:
        """Whether it is a stand-in of this name that answers, and here."""
        return self.base_url is None and (self.model or stand_in) == stand_in

    def name(self, stand_in: str) -> str:
        """Return who answers: the stand-in where nobody is named.

        Raises
        ------
        InvalidInput
            Where there is an address and no name.
        """
        require_model(self.base_url, self.model)
        return self.model or stand_in


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Spending:
    """What it may cost."""

    budget_usd: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    """Money that it may cost, the judge and earlier sittings included."""
    budget_tokens: Annotated[int, Field(ge=0)] | None = None
    """Tokens of questions and replies, likewise."""
    budget_calls: Annotated[int, Field(ge=0)] | None = None
    """Times that a question is sent, likewise."""
    requests_per_minute: _Positive | None = None
    """Limit of the provider."""
    tokens_per_minute: _Positive | None = None
    """Limit of the provider."""
    concurrency: Count = 16
    """Questions under way at once."""
    timeout_s: _Positive = 120.0
    """Seconds for one reply."""
    attempts: Count = 6
    """Times that a question is sent before it counts as unanswered."""

    @property
    def means(self) -> Means:
        """The same as every room of agents knows it."""
        return Means.typed(self)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Asking:
    """A question."""

    question: str
    """What is asked: the text itself, or a file in UTF-8 such as question.txt or @question.txt."""
    strategy: str = "cac"
    """What is done with the calls: cac, cac-agree, cac-fresh, self-refine, reflexion, best-of-n, vote, none, and what
    defend knows."""
    check: Literal["right", "safe"] = "right"
    """What checks are about: whether the answer is right, or whether it does harm."""
    out: Path | None = None
    """Folder with the journal; under runs/ with a name of its own if left out."""
    json: bool = False
    """Print JSON instead of words."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Defending:
    """Requests to defend against, and how."""

    behaviours: Path | None = None
    """CSV file with requests that are to be declined, as AdvBench and JailbreakBench have them; those of the stand-in
    if left out."""
    benign: Path | None = None
    """CSV file with harmless requests that look like them, as JailbreakBench has them: without these nobody can tell a
    defence from a model that refuses more."""
    suffix: str = ""
    """Text that is put behind every attack, or @FILE; that of the stand-in where its own requests are asked."""
    strategy: _Names = ()
    """Strategy to compare with one answer; may be repeated. Unless given: reminder, icd, cac, self-refine, best-of-n,
    smooth and rails; all: every one that there is."""
    judge: str | None = None
    """Who judges, as for --model; the model itself if left out, and that is said."""
    judge_base_url: str | None = None
    """Address of a server for the judge, as for --base-url."""
    limit: Count | None = None
    """Take so many requests of each file, in turns from its categories."""
    out: Path | None = None
    """Folder of the run; under runs/ with a name of its own if left out. The same command again goes on from there."""
    quiet: bool = False
    """Report no progress."""
    json: bool = False
    """Print JSON instead of words."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Weighing:
    """Items on people, and how they are asked."""

    items: Path
    """JSONL file of a category of BBQ, such as Age.jsonl."""
    targets: Path | None = None
    """CSV file with the additional metadata of BBQ, which says whom stereotypes are about; without it, what the items
    themselves say."""
    strategy: _Names = ()
    """Strategy to compare with one answer, as for defend; cac unless given."""
    limit: Count | None = None
    """Take so many items of either kind of context."""
    out: Path | None = None
    """Folder of the run, as for defend."""
    quiet: bool = False
    """Report no progress."""
    json: bool = False
    """Print JSON instead of words."""
