"""Flags of the room's verbs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import tyro
from pydantic import Field
from pydantic.dataclasses import dataclass

from consilience.ground import STRICT, Count

__all__ = ["Asking", "Assisting", "Checking", "Forgetting", "Importing", "Representing", "Serving"]

_Port = Annotated[int, Field(ge=0, le=65_535)]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Serving:
    """How the application is served."""

    database: str = "social-agents.sqlite"
    """Where everybody's messages are: a file, made if there is none, or postgresql://user@host/database."""
    model: str = "rehearsal:neighbour"
    """Who is asked, such as openai:gpt-4o, or with --base-url the server's own name for a model. Left out, a stand-in
    rehearses it, and every page says so."""
    base_url: str | None = None
    """Address of a server for the model; its key, if it wants one, is read from CONSILIENCE_API_KEY."""
    host: str = "127.0.0.1"
    """Address to listen at; 0.0.0.0 lets other machines in, and takes --address."""
    port: _Port = 8765
    """Port to listen at; 0 for any that is free."""
    address: str | None = None
    """How people reach it, such as https://agents.example or http://192.168.1.5:8765; links and cookies are for it."""
    certificate: Path | None = None
    """Certificate for https, with the chain, as PEM; not needed behind a proxy that has one."""
    private_key: Path | None = None
    """Its private key."""
    behind_proxy: bool = False
    """Whether a proxy on this machine says who is asking."""
    key_file: Path | None = None
    """Key of the audit log, made if there is none; beside the database's file if left out. Keep a copy elsewhere."""
    budget_calls: Count | None = None
    """Replies of the model that all tasks together may take while it runs."""
    budget_tokens: Count | None = None
    """Tokens of questions and replies, likewise."""
    demo: bool = False
    """Try it as two people of a small world that is made up, in a database that is gone when it ends, or a new one."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Importing:
    """What is imported, and for whom."""

    file: Path
    """Export of WhatsApp, Telegram, Slack or mail, or a table."""
    as_: Annotated[str, tyro.conf.arg(name="as", metavar="PERSON")]
    """Handle of whose memory it comes into; a person of the database, or a new one with --name."""
    database: str = "social-agents.sqlite"
    """Where everybody's messages are."""
    name: str | None = None
    """Name of the person, if they are new."""
    me: str = ""
    """How the export calls that person, where it is not found out by itself."""
    merge: Annotated[tuple[str, ...], tyro.conf.UseAppendAction, tyro.conf.arg(metavar="AUTHOR=PERSON")] = ()
    """An author of the export and the person they are; may be repeated."""
    form: Literal["whatsapp", "telegram", "slack", "mbox", "table"] | None = None
    """Form of the file, where it is not found out by itself."""
    zone: str = "UTC"
    """Time zone of its times, such as Europe/Berlin."""
    dates: Literal["auto", "day-first", "month-first", "year-first"] = "auto"
    """How its dates are read, where they may be read in two ways."""
    title: str = ""
    """What the conversation is called, where the file does not say."""
    dry_run: bool = False
    """Say what would happen, and change nothing."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Asking:
    """A task for the agents of two people."""

    task: str
    """What is to be found out: the text itself, or a file in UTF-8 such as task.txt."""
    world: str = "demo"
    """Where the people are: demo for a small world that is made for it, or a database."""
    as_: Annotated[str, tyro.conf.arg(name="as", metavar="PERSON")] = "ann"
    """Handle of who asks."""
    of: str | None = None
    """Handle of the contact whose agent is asked; the likeliest to know if left out."""
    model: str = "rehearsal:neighbour"
    """Who is asked, as for serve."""
    base_url: str | None = None
    """Address of a server for the model; its key, if it wants one, is read from CONSILIENCE_API_KEY."""
    depth: Annotated[int, Field(ge=0)] = 2
    """How far others may be asked: 0 for nobody but the two."""
    turns: Count = 30
    """Utterances of a talk at most."""
    json: bool = False
    """Print JSON instead of words."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Assisting:
    """Whose memory an assistant is given."""

    as_: Annotated[str, tyro.conf.arg(name="as", metavar="PERSON")]
    """Handle of whose memory it is."""
    database: str = "social-agents.sqlite"
    """Where everybody's messages are."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Representing:
    """Whose agent is served, and where."""

    as_: Annotated[str, tyro.conf.arg(name="as", metavar="PERSON")]
    """Handle of whose agent it is; somebody who has joined."""
    database: str = "social-agents.sqlite"
    """Where everybody's messages are."""
    model: str = "rehearsal:neighbour"
    """Who is asked, as for serve."""
    base_url: str | None = None
    """Address of a server for the model; its key, if it wants one, is read from CONSILIENCE_API_KEY."""
    host: str = "127.0.0.1"
    """Address to listen at; other machines are let in through a proxy that has a certificate."""
    port: _Port = 8766
    """Port to listen at; 0 for any that is free."""
    address: str | None = None
    """How others reach it, such as https://agents.example/ann; the card says so."""
    key_file: Path | None = None
    """Key of the audit log, as for serve."""
    budget_calls: Count | None = None
    """Replies of the model that all tasks together may take while it runs."""
    budget_tokens: Count | None = None
    """Tokens of questions and replies, likewise."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Checking:
    """What of an audit log is looked at."""

    what: Annotated[tuple[Literal["verify", "show"], str], tyro.conf.arg(metavar="{verify,show} DATABASE")]
    """verify: whether every entry is as it was written; show: what was revealed of whom; then the database."""
    key_file: Path | None = None
    """Key of the log; beside the database's file if left out."""
    person: str | None = None
    """Show only what is about this person, by handle."""
    noted: str | None = None
    """An end of the chain that was noted earlier, as verify prints it: COUNT:HASH."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Forgetting:
    """What is forgotten."""

    database: str
    """Where everybody's messages are."""
    person: str | None = None
    """Handle of whose memory is emptied; what others hold stays with them."""
    conversation: Count | None = None
    """Number of a conversation, for everybody in it."""
    message: Annotated[tuple[int, ...], tyro.conf.UseAppendAction, tyro.conf.arg(metavar="NUMBER")] = ()
    """Number of a message, for everybody; may be repeated."""
    yes: bool = False
    """Do it; without this it is only said what would be forgotten."""
    key_file: Path | None = None
    """Key of the audit log; beside the database's file if left out."""
