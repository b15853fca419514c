"""The order: what a run of teams is to do, as the command line takes it and a run folder keeps it.

What makes the outcome is the `Order`; a run that is resumed keeps it. What it may cost and how fast it may go are the
`Means`, which may be others every time.
"""

from __future__ import annotations

from dataclasses import fields
from hashlib import blake2b
from pathlib import Path
from typing import Annotated, Literal

import tyro
from pydantic import Field, TypeAdapter
from pydantic.dataclasses import dataclass

from consilience.dialogue.work.artifact import Kind
from consilience.dialogue.work.kinds import Function, Repository, Text
from consilience.ground import STRICT, Count
from consilience.ground.errors import InvalidInput
from consilience.methods.cross_team.spec import Late

__all__ = ["REHEARSED", "KindName", "Order"]

REHEARSED = "rehearsal:developer"
"""Who answers when no model is named."""

KindName = Literal["program", "function", "story", "text"]
"""Kinds of tasks, as they are named on the command line."""

_Warmth = Annotated[float, Field(ge=0)]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Order:
    """What a run of teams is to do."""

    task: str = ""
    """What the teams work on: a file in UTF-8 such as task.md, or the text itself. A block of it that begins with
    ```python tests.py, or has tests.py on the line before or # tests.py as its first, holds the visible tests. Without
    it, and without --model, a task that comes along is rehearsed."""
    teams: Count = 4
    """Teams that work apart until they meet."""
    group: Annotated[int, Field(ge=2)] = 2
    """Works that are merged at once."""
    prune: bool = False
    """Leave the worse half of more than four works out of each merge, as running them tells."""
    packed: bool = False
    """Make groups by size, so that a prompt fits --context-tokens, instead of drawing them."""
    own_merges: bool = False
    """Have each team go on with the merge of a grouping of its own, instead of one result for all."""
    final: Literal["best", "merge"] = "best"
    """What the result is: the best of the teams' last works, or what they are merged to once more."""
    plan: Path | None = None
    """A plan of your own, as .yaml: its chain of phases, roles, key phases and teams."""
    kind: KindName = "program"
    """What is to be made: program, function, story or text."""
    tests: str = ""
    """Visible tests, as Python or as a file: teams see what they say, and merges are rated by them."""
    hidden_tests: str = ""
    """Tests that only the final score sees, as Python or as a file."""
    main: str = "main.py"
    """Of a program: the file that starts it."""
    stdin: str = ""
    """Of a program: what is typed while it is tried, as text or @FILE."""
    entry: str | None = None
    """Of a function: its name."""
    concepts: str = ""
    """Of a story: words that must occur, with commas between them."""
    model: str = ""
    """Who answers, such as openai:gpt-4o or ollama:llama3; without it a stand-in rehearses the run."""
    team_model: Annotated[tuple[str, ...], tyro.conf.arg(metavar="TEAM=MODEL")] = ()
    """Who answers a team, as A=openai:gpt-4o; may be repeated."""
    base_url: str | None = None
    """Address of a server that speaks the chat-completions protocol; models are then its own names for them, and its
    key, if it wants one, is read from CONSILIENCE_API_KEY."""
    temperature: _Warmth | None = None
    """Of all teams; their plan's, or the provider's, if left out."""
    team_temperature: Annotated[tuple[str, ...], tyro.conf.arg(metavar="TEAM=X")] = ()
    """Of a team, as A=0.8; may be repeated."""
    alike: bool = False
    """Give no team a persona of its own: they differ by chance only."""
    cycles: Annotated[int, Field(ge=0)] | None = None
    """Cycles of each loop at most; the plan's if left out."""
    quorum: Count | None = None
    """Teams that are enough for a meeting; all that live if left out."""
    deadline_s: Annotated[float, Field(gt=0)] | None = None
    """Seconds after the first team came until a meeting begins without the others."""
    late: Late | None = None
    """What becomes of a team that comes later: join (the next meeting), drop, or take (what the others made)."""
    stop_when_passed: bool = False
    """End the run as soon as a team passes every visible test."""
    context_tokens: Count | None = None
    """Tokens that a prompt and its reply may have."""
    max_tokens: Count | None = None
    """Tokens of a reply at most; with it, budgets are bounds and not estimates."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Root of all chance."""

    @property
    def model_name(self) -> str:
        """Who answers, the stand-in included."""
        return self.model or REHEARSED

    @property
    def digest(self) -> str:
        """Digest of all of it, 8 hexadecimal digits; the plan of a file counts by what the file is called."""
        return blake2b(TypeAdapter(Order).dump_json(self), digest_size=4).hexdigest()

    @property
    def words(self) -> tuple[str, ...]:
        """The concepts of a story."""
        return tuple(word.strip() for word in self.concepts.split(",") if word.strip())

    def task_kind(self) -> Kind:
        """Return what an answer looks like.

        Raises
        ------
        InvalidInput
            When a function has no name, or a setting belongs to another kind.
        """
        unfit = [flag for flag in self.given() if self.kind not in _BELONGS.get(flag, (self.kind,))]
        if unfit:
            belongs = " or ".join(_BELONGS[unfit[0]])
            raise InvalidInput(f"{unfit[0]} belongs to --kind {belongs}; got --kind {self.kind}: leave one of them out")
        match self.kind:
            case "program":
                return Repository(main=self.main, stdin=self.stdin)
            case "function":
                if self.entry is None:
                    raise InvalidInput("a function must have a name; give it as --entry, such as --entry solve")
                return Function(entry=self.entry, tests=self.tests, hidden_tests=self.hidden_tests)
            case "story" | "text":
                return Text()

    def given(self) -> dict[str, object]:
        """Return what differs from the defaults, by the names of the flags."""
        default = Order()
        return {
            f"--{item.name.replace('_', '-')}": getattr(self, item.name)
            for item in fields(self)
            if getattr(self, item.name) != getattr(default, item.name)
        }

    def by_team(self, flag: str, told: tuple[str, ...]) -> dict[str, str]:
        """Return what was told of single teams, by name.

        Raises
        ------
        InvalidInput
            When something is not TEAM=VALUE, or a team is named twice.
        """
        found: dict[str, str] = {}
        for text in told:
            team, sign, value = text.partition("=")
            if not (team and sign and value):
                raise InvalidInput(f"{flag} must be TEAM=VALUE, such as A=...; got {text!r}")
            if team in found:
                raise InvalidInput(f"{flag} must name each team once; got {team} twice")
            found[team] = value
        return found


_BELONGS = {
    "--tests": ("program", "function"),
    "--hidden-tests": ("program", "function"),
    "--main": ("program",),
    "--stdin": ("program",),
    "--entry": ("function",),
    "--concepts": ("story",),
}
"""Flags that mean something for some kinds only."""
