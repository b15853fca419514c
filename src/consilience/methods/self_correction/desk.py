"""The desk: a model behind its budget and its journal, opened for one verb and closed again; the same run goes on."""

from __future__ import annotations

import asyncio
import json
import shlex
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import asdict, is_dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console
from rich.table import Table

from consilience.dialogue.budget import Purse
from consilience.dialogue.command.bill import cut_told
from consilience.dialogue.command.sitting import Sat, sat
from consilience.dialogue.command.telling import say
from consilience.dialogue.connecting import connect
from consilience.dialogue.journal import Journal
from consilience.dialogue.messages import Settings, Usage
from consilience.dialogue.models import ChatModel
from consilience.dialogue.prices import money, price
from consilience.dialogue.rehearsal import notice_for
from consilience.dialogue.session import Session
from consilience.dialogue.transcript import Transcript
from consilience.ground.wording import many
from consilience.methods.self_correction.dialogue_model import DialogueModel
from consilience.methods.self_correction.orders import Answering, Spending
from consilience.methods.self_correction.template_bot import BOT, PLAYERS

__all__ = ["Desk", "say_table"]

_Found = TypeVar("_Found")
_RUN = "self-correction"
_WIDE = 200


class Desk:
    """Whom a verb asks, what it may cost, and where what was said is kept.

    Parameters
    ----------
    verb
        Which.
    answering, spending
        Who answers, and what it may cost.
    kept
        What else makes the run what it is; runs that differ in it do not share a folder.
    out
        The folder, if it was given.
    """

    def __init__(self, verb: str, answering: Answering, spending: Spending, *, kept: object, out: Path | None) -> None:
        self.answering, self.spending = answering, spending
        name = answering.name(BOT)
        self.model = self._connected(name, answering.base_url, rehearsed=True)
        """Who answers."""
        spending.means.require_price(self.model.name, name)
        asked = json.dumps([self.model.name, asdict(answering), _plain(kept)], sort_keys=True, default=str)
        digest = blake2b(asked.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()
        self.folder = Path("runs") / "self_correction" / f"{verb}-{digest}" if out is None else out
        """Where the run is kept."""
        self._asked: list[str] = [self.model.name]
        self._besides: list[ChatModel] = []
        self._models: list[DialogueModel] = []
        self._sessions: list[Session] = []
        self._spent = (0, 0, 0.0)

    @property
    def notice(self) -> str:
        """What has to be said where a stand-in answers or judges, at an address too."""
        return notice_for([*self._asked, *(name for model in self._models for name in model.answered_by)])

    def other(self, name: str, base_url: str | None) -> ChatModel:
        """Connect somebody else who is asked beside, such as a judge."""
        model = self._connected(name, base_url)
        self.spending.means.require_price(model.name, name)
        self._asked.append(model.name)
        self._besides.append(model)
        return model

    @contextmanager
    def said(self, *, as_json: bool) -> Iterator[None]:
        """Say first and last that a stand-in answers, where one does."""
        if self.notice:
            say(self.notice, aside=as_json)
        yield
        if self.notice:
            say(self.notice, aside=as_json)

    def sitting(
        self,
        work: Callable[[DialogueModel, Callable[[ChatModel], DialogueModel]], Awaitable[_Found]],
    ) -> Sat[_Found]:
        """Work with the model, until the end or until something stands in the way that can be mended.

        Parameters
        ----------
        work
            Is given the model, and a way to ask another one from the same purse.
        """

        async def opened() -> _Found:
            with (
                Journal.open(self.folder / "journal.sqlite", _RUN) as journal,
                Transcript(self.folder / "transcript.jsonl") as transcript,
            ):
                purse = self.spending.means.purse(journal.facts)
                async with AsyncExitStack() as stack:

                    async def session(model: ChatModel) -> Session:
                        means = self.spending.means
                        made = Session(
                            model,
                            journal=journal,
                            budget=purse,
                            limits=means.limits,
                            retry=means.retry,
                            transcript=transcript,
                        )
                        self._sessions.append(made)
                        return await stack.enter_async_context(made)

                    own = await session(self.model)
                    others = {id(model): await session(model) for model in self._besides}

                    def beside(model: ChatModel) -> DialogueModel:
                        return self._made(others.get(id(model), own), Settings(), "judge")

                    try:
                        return await work(self._made(own, self.answering.settings, ""), beside)
                    finally:
                        self._count(purse)

        found = sat(lambda: asyncio.run(opened()), resume="the same command", quiet=True)
        if found.trouble and found.trouble != "interrupted":
            again = f"what was answered is kept in {shlex.quote(str(self.folder))}, go on with the same command"
            say(f"consilience: {found.trouble}; {again}", aside=True)
        return found

    @property
    def bill(self) -> dict[str, Any]:
        """What this sitting and earlier ones took, as far as they had a budget to count against.

        Money is None where no price is known of somebody who was asked; `cut` is how many replies ran out of tokens.
        """
        sent = sum(session.tally.sent for session in self._sessions)
        replayed = sum(session.tally.replayed + session.tally.shared for session in self._sessions)
        calls, tokens, spent = self._spent
        usd = spent if self._priced else None
        cut = sum(model.cut for model in self._models)
        return {"sent": sent, "replayed": replayed, "calls": calls, "tokens": tokens, "usd": usd, "cut": cut}

    def bill_line(self) -> str:
        """Return the bill in words."""
        bill = self.bill
        sent = f"{many(bill['sent'], 'question')} sent"
        return (
            f"{sent}, {bill['replayed']:,} taken from the journal; {bill['tokens']:,} tokens, "
            f"{money(bill['usd'])}{cut_told(bill['cut'])}; kept in {self.folder}"
        )

    def keep(self, name: str, facts: object) -> None:
        """Write what was found beside the journal; the file appears whole."""
        path = self.folder / name
        aside = path.with_suffix(".part")
        aside.write_text(json.dumps(_plain(facts), indent=2, ensure_ascii=False), encoding="utf-8")
        aside.replace(path)

    @property
    def _priced(self) -> bool:
        return all(price(name, None, Usage()) is not None for name in self._asked)

    def _made(self, session: Session, settings: Settings, who: str) -> DialogueModel:
        self._models.append(DialogueModel(session, settings=settings, who=who))
        return self._models[-1]

    def _connected(self, name: str, base_url: str | None, *, rehearsed: bool = False) -> ChatModel:
        timeout_s = self.spending.timeout_s
        return connect(name, base_url=base_url, players=PLAYERS, timeout_s=timeout_s, rehearsed=rehearsed)

    def _count(self, purse: Purse) -> None:
        self._spent = (purse.calls, purse.tokens, purse.usd)


def say_table(table: Table) -> None:
    """Print a table in full: where a terminal is too narrow its lines wrap, and no number is cut."""
    width = max(Console().width, _WIDE)
    Console(width=width, soft_wrap=True, highlight=False).print(table)


def _plain(value: object) -> Any:
    """Return what JSON has: dataclasses are objects, paths are texts, what is no number is null."""
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else None  # noqa: PLR0124  NaN
    return value if value is None or isinstance(value, str | int | bool) else str(value)
