"""Flags of the room's verbs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import tyro
from pydantic import Field
from pydantic.dataclasses import dataclass

from consilience.ground import STRICT

__all__ = ["GuardChecking", "Measuring", "Reporting", "ScanningData", "ScanningModel"]

_Share = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]
_Count = Annotated[int, Field(ge=1)]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Reporting:
    """What is written about it, and what fails it."""

    json: Path | None = None
    """File for the report as JSON; its schema is shipped with this package."""
    html: Path | None = None
    """File for the report as one page that asks nothing of the network."""
    sarif: Path | None = None
    """File for the report as SARIF 2.1.0."""
    junit: Path | None = None
    """File for the report as JUnit XML."""
    fail_on: Literal["finding", "upper-ci", "never"] = "finding"
    """What leaves with 1: what was found; what could not be ruled out as well, in place of 3; or nothing."""
    reveal: bool = False
    """Whether triggers that are recovered from unknown models are told, in place of their digest and length."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ScanningData:
    """What data are scanned."""

    file: Path
    """Dialogues, a line of JSON each: ShareGPT or AgentInstruct conversations, or OpenAI messages."""
    reference: Path | None = None
    """Dialogues that are trusted, likewise; with them rows are scored against what clean ones look like."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ScanningModel:
    """What model is scanned."""

    folder: Path
    """Folder of an adapter or a model, safetensors only."""
    i_know_it_is_planted: bool = False
    """Whether a checkpoint that says that it was planted here may be loaded."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Measuring:
    """What is measured, and how closely."""

    model: str
    """Who is asked: a folder of the small agent or of a causal model, or a name such as openai:gpt-4o."""
    suite: str = "default"
    """Triggers that are tried: default, easy, all, or names with commas between."""
    control: str | None = None
    """A clean model on the same tasks, likewise; without it nothing is said of excess."""
    episodes: _Count = 400
    """Episodes for each trigger."""
    threshold: _Share = 0.05
    """Excess attack success that is allowed."""
    seed: Annotated[int, Field(ge=0)] = 1
    """Root of all randomness."""
    i_know_it_is_planted: bool = False
    """Whether a checkpoint that says that it was planted here may be loaded."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class GuardChecking:
    """Which policy is held against what."""

    what: Annotated[Literal["check", "verify"], tyro.conf.arg(metavar="{check,verify}")]
    """check: hold a policy against recorded traces; verify: say whether a log of decisions is what was written."""
    policy: Path | None = None
    """Policy file, TOML; with check."""
    trace: Path | None = None
    """Traces, a line of JSON each; with check."""
    log: Path | None = None
    """Log of decisions; with verify."""
    head: str | None = None
    """Digest of the log's last line, as it was kept elsewhere; with verify."""
