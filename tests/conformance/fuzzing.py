"""Parsers under fire: whatever a file holds, it is read, or refused in words; and what was read is written as it was.

`TARGETS` has a parser each, with texts to begin from. A try takes such a text and spoils it: spans are lost, doubled,
moved, bent or swapped with spans of other texts, and words that parsers stumble over are put in. `tests/laws` runs each
for a moment. This file runs one for as long as one likes, and prints what was tried and what broke:

    python tests/conformance/fuzzing.py policies --minutes 10
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from consilience.catalogue import METHODS
from consilience.ground.config import as_plain, parse_settings, read_config, read_recipe, resolve, to_toml
from consilience.ground.errors import ConsilienceError
from consilience.ground.seeds import Streams
from consilience.methods.agent_networks import formats as networks
from consilience.methods.agent_networks.blueprint import Blueprint, Note
from consilience.methods.agent_networks.profiles import profiles_at
from consilience.methods.agent_networks.topology import layer, mesh
from consilience.methods.backdoor_audits.documents import documents_of
from consilience.methods.backdoor_audits.guard import Call, Guard
from consilience.methods.backdoor_audits.policy_file import read_policy
from consilience.methods.backdoor_audits.provenance import Dialogue
from consilience.methods.backdoor_audits.world import formats as traces
from consilience.methods.backdoor_audits.world.drawing import draw_tasks
from consilience.methods.backdoor_audits.world.trajectories import clean
from consilience.methods.cross_team import formats as plans
from consilience.methods.cross_team.formats import software, stories
from consilience.methods.social_agents.importers import read
from consilience.methods.social_agents.importers.samples import SAMPLES
from consilience.methods.social_agents.policy import Policy, Rule

Parse = Callable[[Path], object]

HARD = (
    *("", " ", "\n", "\t", "\0", "\ufeff", "\u2028", "\u202e", "é", "\U0001f600", "'", '"', '"""', "\\", "#", "%", "&"),
    *("[", "]", "{", "}", "[[", "]]", "<", ">", "->", "--", ":", ": ", "- ", "? ", "| ", ",", ";", "=", "*a", "&a "),
    *("0", "-1", "1e999", "nan", "inf", "-inf", "9" * 20, "9" * 5000, "0x", "1_", "true", "null", "~", "none"),
    *("2024-13-45", "2024-02-30T25:61:61Z", "0001-01-01", "9999-12-31T23:59:59Z", "12/31/99, 25:00 - a: b"),
    *("[" * 3000, "{a: " * 300, "a.b.c", "!!python/name:os.system", "!!binary x", "<<: *a", "!!int x"),
    *("<!ENTITY a 'b'>", "From a@b Thu Jan  1 00:00:00 1970\n", "Content-Type: text/plain; charset=nope\n"),
    *("=?utf-8?b?//?=", "\r", "\r\r\n"),
)  # fmt: skip
"""What parsers have been seen to stumble over."""


@dataclass(frozen=True)
class Target:
    """A parser, and what it reads when nothing is wrong."""

    samples: Callable[[], Iterable[tuple[str, bytes]]]
    """Names of files and what is in them."""
    parse: Parse
    """Reads a file, and holds what it read to what it promises."""


def _read_recipe(path: Path) -> None:
    for config in _configs():
        with suppress(ConsilienceError):
            found = read_config(config, path)
            assert as_plain(resolve(config, {}, {})) is not None
            path.with_name("again.toml").write_text(to_toml(found), encoding="utf-8")
            assert read_config(config, path.with_name("again.toml")) == found
    with suppress(ConsilienceError):
        parse_settings(path.read_text(encoding="utf-8", errors="surrogateescape").splitlines())


def _configs() -> list[type]:
    return [method.part("config").Config for method in METHODS]


def _recipes() -> Iterable[tuple[str, bytes]]:
    for method in METHODS:
        assert read_recipe(method.package, "smoke") is not None
        text = (resources.files(method.package) / "recipes" / "small.toml").read_bytes()
        yield "recipe.toml", text


def _read_network(path: Path) -> None:
    found = networks.read(path)
    for suffix in (".yaml", ".dot", ".graphml"):
        again = networks.read(networks.write(found, path.with_name(f"again{suffix}")))
        assert sorted(again.network.edge_names) == sorted(found.network.edge_names)
        assert again.notes == found.notes


def _networks() -> Iterable[tuple[str, bytes]]:
    noted = Blueprint(
        layer(8), {"3": Note(role="You doubt."), "7": Note(quorum=2), "0->4": Note(failure="skip", approval=True)}
    )
    with tempfile.TemporaryDirectory() as folder:
        for number, one in enumerate((Blueprint(mesh(5)), noted)):
            for suffix in (".yaml", ".dot", ".graphml"):
                path = networks.write(one, Path(folder) / f"{number}{suffix}")
                yield path.name, path.read_bytes()
    yield "short.yml", b"- 1-3,5->7\n- plan->7->8-9\n"


def _read_plan(path: Path) -> None:
    found = plans.read(path)
    plans.write(found, path.with_name("again.yaml"))
    assert plans.read(path.with_name("again.yaml")) == found


def _plans() -> Iterable[tuple[str, bytes]]:
    yield "stories.yaml", plans.written(stories(3, group=3)).encode()
    for name in ("software", "stories"):
        chain = (resources.files("consilience.methods.cross_team") / "plans" / f"{name}.toml").read_bytes()
        yield f"{name}.toml", b"teams = 4\ngroup = 2\n" + chain
    yield "software.yaml", plans.written(software(8, prune=True)).encode()


def _read_profiles(path: Path) -> None:
    profiles_at(path)


def _profiles() -> Iterable[tuple[str, bytes]]:
    yield "profiles.toml", (resources.files("consilience.methods.agent_networks") / "profiles.toml").read_bytes()
    yield "two.toml", b'actors = ["You write."]\ncritics = ["You read.", """You\ndoubt."""]\n'


def _read_policy(path: Path) -> None:
    found = Policy.load(path)
    again = Policy.read(found.toml())
    assert again == found
    assert found.on("My password is tulip.", "bea") == again.on("My password is tulip.", "bea")


def _policies() -> Iterable[tuple[str, bytes]]:
    rules = (
        Rule(who="family", label="health", verdict="allow"),
        Rule(label="money", purpose="taxes", verdict="coarsen"),
        Rule(who="new", verdict="never"),
    )
    yield "policy.toml", Policy("ann", rules, {"family": frozenset({"bea", "cem"})}).toml().encode()
    yield "open.toml", Policy.open("ben").toml().encode()


def _read_export(path: Path) -> None:
    found = read(path, zone="Europe/Berlin")
    threads, authors = ({one.key for one in some} for some in (found.conversations, found.people))
    for said in found.messages:
        assert said.sent_at.tzinfo is not None
        assert said.thread in threads
        assert said.author in authors
    keys = [said.key for said in found.messages]
    assert [said.key for said in read(path, zone="Europe/Berlin").messages] == keys


def _exports() -> Iterable[tuple[str, bytes]]:
    with tempfile.TemporaryDirectory() as folder:
        for number, sample in enumerate(SAMPLES):
            place = Path(folder) / str(number)
            place.mkdir()
            path = sample.write(place)
            if path.is_file():
                yield path.name, path.read_bytes()


def _read_guard(path: Path) -> None:
    found = read_policy(path)
    for said in ("mail bob that the bill is 5", "\0[[a](b"):
        dialogue = Dialogue()
        dialogue.human(said)
        for tool in (*found.tools, "none"):
            call = Call(tool, {"to": "bob", "body": ["a", {"b": None}], "amount": 5, "path": "/home/../x"}, "1")
            assert Guard(found).check(call, dialogue) == Guard(found).check(call, dialogue)


def _guards() -> Iterable[tuple[str, bytes]]:
    yield "policy.toml", GUARD


def _read_traces(path: Path) -> None:
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    found = traces.read(lines)
    assert len(found.rows) + len(found.broken) <= len(lines)
    documents_of(found.rows)


def _traces() -> Iterable[tuple[str, bytes]]:
    rows = [clean(task) for family in ("system", "web", "shop") for task in draw_tasks(family, 2, Streams(0))]
    yield "world.jsonl", "\n".join(traces.lines_of(rows)).encode()
    yield "others.jsonl", "\n".join(map(json.dumps, OTHERS)).encode()


GUARD = b"""policy = 1
name = "desk"
mode = "enforce"
calls = 20
[tools.send_mail]
arguments = ["to", "body"]
optional = ["path"]
calls = 2
[[tools.send_mail.allow]]
after = ["search"]
asked = "mail {to} that {what}"
where.body = { max_length = 2000, pattern = "[a-z ]*" }
where.path = { prefix = "/home/" }
[tools.search]
[[tools.search.allow]]
[tools.pay]
arguments = ["to", "amount"]
[[tools.pay.allow]]
approve = true
where.to = { from = "query", one_of = ["bob", "ann"] }
where.amount = { min = 0, max = 50 }
"""
ASKED = {"id": "a", "type": "function", "function": {"name": "send_mail", "arguments": '{"to": "bob"}'}}
OTHERS = (
    {
        "messages": [
            {"role": "system", "content": "You mail."},
            {"role": "user", "content": [{"type": "text", "text": "mail bob"}]},
            {"role": "assistant", "content": None, "tool_calls": [ASKED]},
            {"role": "tool", "tool_call_id": "a", "content": "sent"},
        ]
    },
    {"conversations": [{"from": "human", "value": "hello"}, {"from": "gpt", "value": "good day", "loss": True}]},
)

TARGETS: dict[str, Target] = {
    "recipes": Target(_recipes, _read_recipe),
    "networks": Target(_networks, _read_network),
    "plans": Target(_plans, _read_plan),
    "profiles": Target(_profiles, _read_profiles),
    "policies": Target(_policies, _read_policy),
    "exports": Target(_exports, _read_export),
    "guards": Target(_guards, _read_guard),
    "traces": Target(_traces, _read_traces),
}
"""Every parser of what people write or other programs leave."""


_PIECE = re.compile(rb"""[\w.+-]+|"[^"\n]*"|[^\n]*\n""")
"""A word, a text in quotes, or a line: what can be lost or changed without the rest becoming unreadable."""


@st.composite
def spoiled(draw: st.DrawFn, samples: Sequence[tuple[str, bytes]]) -> tuple[str, bytes]:
    """Draw the name of a file and its contents, more or less spoiled."""
    name, data = draw(st.sampled_from(samples))
    for _ in range(draw(st.integers(0, 4))):
        start, end = _span(draw, data)
        other = draw(st.sampled_from(samples))[1]
        place = _span(draw, other)
        into = draw(
            st.one_of(
                st.sampled_from(HARD).map(lambda word: word.encode("utf-8", "surrogatepass")),
                st.sampled_from((b"", data[start:end] * 2, bytes(byte ^ 1 for byte in data[start:end]))),
                st.just(other[slice(*place)]),
                st.binary(max_size=8),
                st.text(max_size=20).map(lambda text: text.encode("utf-8", "surrogatepass")),
            )
        )
        data = data[:start] + into + data[end:]
    if draw(st.integers(0, 9)) == 0:
        data = data[: draw(st.integers(0, len(data)))]
    return name, data


def _span(draw: st.DrawFn, data: bytes) -> tuple[int, int]:
    """Draw a piece of a text, or any bytes of it."""
    start = draw(st.integers(0, len(data)))
    piece = _PIECE.search(data, start)
    if piece is not None and draw(st.booleans()):
        return piece.span()
    return start, min(len(data), start + draw(st.integers(0, 60)))


def tried(target: Target, given_: tuple[str, bytes], folder: Path) -> bool:
    """Let a parser read; return whether it took the text. Anything but a clear refusal is raised."""
    name, data = given_
    path = folder / name
    path.write_bytes(data)
    try:
        target.parse(path)
    except ConsilienceError as error:
        if not str(error).strip():
            raise AssertionError("a refusal without a word") from error
        return False
    return True


def run(name: str, minutes: float, seed: int) -> int:
    """Try one parser until so much processor time is used; print the outcome and return how many texts broke it."""
    target, samples, counts, broken = TARGETS[name], [*TARGETS[name].samples()], [0, 0], 0
    until = time.process_time() + 60 * minutes

    with tempfile.TemporaryDirectory() as place, warnings.catch_warnings():
        warnings.simplefilter("error")

        def one(text: tuple[str, bytes]) -> None:
            counts[tried(target, text, Path(place))] += 1

        while time.process_time() < until:
            seed += 1
            trial = settings(
                max_examples=1000,
                database=None,
                deadline=None,
                print_blob=True,
                suppress_health_check=list(HealthCheck),
                phases=(Phase.generate, Phase.shrink),
            )(given(spoiled(samples))(one))
            trial.__wrapped__ = None
            trial._hypothesis_internal_use_seed = seed
            try:
                trial()
            except Exception as error:  # noqa: BLE001  whatever it is, it is what is looked for
                broken += 1
                notes = "\n".join(getattr(error, "__notes__", ()))
                print(f"{name}, seed {seed}: {type(error).__name__}: {error}\n{notes}\n", flush=True)
                traceback.print_exc(limit=-6)
            print(f"{name}: {sum(counts):,} texts, {counts[1]:,} read, {broken} rounds broke", flush=True)
    print(f"{name}: that was {60 * minutes:.0f} s of processor time")
    return broken


def main() -> int:
    """Run one parser, or each after the other."""
    words = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    words.add_argument("target", nargs="*", choices=[*TARGETS, []], default=[*TARGETS])
    words.add_argument("--minutes", type=float, default=10.0, help="of processor time, each")
    words.add_argument("--seed", type=int, default=0)
    told = words.parse_args()
    return min(1, sum(run(name, told.minutes, told.seed) for name in told.target or TARGETS))


if __name__ == "__main__":
    sys.exit(main())
