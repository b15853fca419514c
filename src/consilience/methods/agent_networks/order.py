"""The order: what a run is to do, as the command line takes it and a run folder keeps it.

What makes the outcome is the `Order`; a run that is resumed keeps it. What it may cost and how fast it may go are the
`Means`, which may be others every time.
"""

from __future__ import annotations

from dataclasses import fields
from hashlib import blake2b
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter
from pydantic.dataclasses import dataclass

from consilience.dialogue.work.artifact import Kind
from consilience.dialogue.work.kinds import Choice, Function, Repository, Text
from consilience.ground import STRICT, Count
from consilience.ground.errors import InvalidInput
from consilience.methods.agent_networks.blueprint import Blueprint
from consilience.methods.agent_networks.failure import Policy
from consilience.methods.agent_networks.formats import read
from consilience.methods.agent_networks.topology import topology

__all__ = ["REHEARSED", "KindName", "Order"]

REHEARSED = "rehearsal:solver"
"""Who answers when no model is named."""

KindName = Literal["text", "choice", "function", "repository"]
"""Kinds of tasks, as they are named on the command line."""

_LATER = ("profiles", "temperature")
"""Settings that came later: where they are left out, a run has the name that it had before."""

_Chance = Annotated[float, Field(ge=0, le=1)]
_Temperature = Annotated[float, Field(ge=0, allow_inf_nan=False)]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Order:
    """What a run is to do."""

    task: str = ""
    """What the agents work on: the text itself, or a file in UTF-8 such as task.md or @task.md."""
    topology: str = "mesh"
    """Shape of the network: chain, star, tree, mesh, layer, random or small-world."""
    agents: int = 4
    """Actors, the nodes; a critic sits on every edge beside them."""
    edges: int | None = None
    """How many edges a random or small-world network has."""
    density: _Chance | None = None
    """Instead of edges: their share of all pairs."""
    rewiring: _Chance | None = None
    """Chance that an edge of a small world is moved."""
    reverse: bool = False
    """Turn every edge round."""
    graph: Path | None = None
    """A network of your own instead, as .yaml, .dot or .graphml."""
    kind: KindName = "text"
    """What an answer is: text, choice, function or repository."""
    options: int = 4
    """Of a choice: how many options there are."""
    answer: str | None = None
    """Of a choice: the right letter, if it is known; it is scored and not shown."""
    entry: str | None = None
    """Of a function: its name."""
    tests: str = ""
    """Of a function: tests that the agents are shown, as Python or as a file."""
    hidden_tests: str = ""
    """Of a function: tests that only the score sees, as Python or as a file."""
    humaneval: Path | None = None
    """Of a function: a file of HumanEval, .jsonl or .jsonl.gz; the task is then the name or number of a problem."""
    main: str = "main.py"
    """Of a repository: the file that starts the program."""
    rounds: Count = 3
    """Comments and refinements of each edge at most."""
    group: Annotated[int, Field(ge=2)] = 2
    """Artifacts that are merged at once."""
    profiles: Path | None = None
    """Who the agents are: a TOML file with two lists of texts, actors and critics; the room's own if left out."""
    temperature: tuple[_Temperature, _Temperature] = (1.0, 0.0)
    """At the first nodes and at the deepest; in between it changes evenly."""
    model: str = ""
    """Who answers, such as openai:gpt-4o or ollama:llama3; without it a stand-in rehearses the run."""
    base_url: str | None = None
    """Address of a server that speaks the chat-completions protocol; the model is then its own name for it, and its
    key, if it wants one, is read from CONSILIENCE_API_KEY."""
    max_tokens: Count | None = None
    """Tokens of a reply at most; with it, budgets are bounds and not estimates."""
    failure: Policy = "fail"
    """What becomes of the run when an element fails: fail, skip or fallback."""
    quorum: Count = 1
    """In-edges that a node needs, or all where it has fewer."""
    approve: tuple[str, ...] = ()
    """A node or edge, such as 7 or 3->7, whose artifact waits for your word; may be repeated."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Root of all chance."""

    @property
    def model_name(self) -> str:
        """Who answers, the stand-in included."""
        return self.model or REHEARSED

    @property
    def digest(self) -> str:
        """Digest of all of it, 8 hexadecimal digits; what is in a file counts by what the file is called."""
        default = Order()
        unsaid = {name for name in _LATER if getattr(self, name) == getattr(default, name)}
        return blake2b(TypeAdapter(Order).dump_json(self, exclude=unsaid), digest_size=4).hexdigest()

    def network(self) -> Blueprint:
        """Return the network, from its file or by its shape, with what is to be approved.

        Raises
        ------
        InvalidInput
            When there is no such network.
        """
        if self.graph is not None:
            self._require_no_shape()
            return read(self.graph)
        made = topology(
            self.topology,
            self.agents,
            seed=self.seed,
            edges=self.edges,
            density=self.density,
            rewiring=self.rewiring,
            reverse=self.reverse,
        )
        return Blueprint(made)

    def task_kind(self) -> Kind:
        """Return what an answer looks like.

        Raises
        ------
        InvalidInput
            When a function has no name, or a setting belongs to another kind.
        """
        match self.kind:
            case "text":
                return Text()
            case "choice":
                return Choice(options=self.options, answer=self.answer)
            case "function":
                if self.entry is None:
                    raise InvalidInput("a function must have a name; give it as --entry, such as --entry solve")
                return Function(entry=self.entry, tests=self.tests, hidden_tests=self.hidden_tests)
            case "repository":
                return Repository(main=self.main)

    @property
    def scored(self) -> bool:
        """Whether there is something to score an answer by."""
        match self.kind:
            case "text":
                return False
            case "choice":
                return self.answer is not None
            case "function":
                return bool(self.tests or self.hidden_tests)
            case "repository":
                return True

    def given(self) -> dict[str, object]:
        """Return what differs from the defaults, by the names of the flags."""
        default = Order()
        return {
            f"--{item.name.replace('_', '-')}": getattr(self, item.name)
            for item in fields(self)
            if getattr(self, item.name) != getattr(default, item.name)
        }

    def _require_no_shape(self) -> None:
        shape = {"--topology", "--agents", "--edges", "--density", "--rewiring", "--reverse"}
        unfit = [flag for flag in self.given() if flag in shape]
        if unfit:
            raise InvalidInput(f"a network from --graph has its own shape; leave {', '.join(unfit)} out")
