"""A scan of weights that are not of the small agent: what a file says, whether it fits, and how it changes a base.

Nothing of them is run: words are tried on models of this world only. What a scan cannot say it says how to find out.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import Tensor

from consilience.ground.errors import InvalidInput
from consilience.methods.backdoor_audits.agent.loading import Stored, digest, read_weights, refuse_planted
from consilience.methods.backdoor_audits.checkpoints import Checkpoint, Kind, header_of, recognised, shapes_of
from consilience.methods.backdoor_audits.decision import Verdict
from consilience.methods.backdoor_audits.hugging_face import base_digest
from consilience.methods.backdoor_audits.reporting.findings import (
    Check,
    Fact,
    Finding,
    Findings,
    Place,
    Rule,
)
from consilience.methods.backdoor_audits.weight_statistics import FEWEST, beside, statistics

__all__ = ["scan_foreign"]

_LAYERS = "base_model.model."
_A, _B = ".lora_A.weight", ".lora_B.weight"


def scan_foreign(
    there: Checkpoint, base: Path | None = None, clean: Sequence[Path] = (), *, i_know_it_is_planted: bool = False
) -> Findings:
    """Scan a causal model, or an adapter of one.

    Parameters
    ----------
    there
        Where it lies.
    base
        Folder of what an adapter was tuned on.
    clean
        Folders of clean adapters of the same base.
    i_know_it_is_planted
        Whether weights that say that they were planted here may be read.

    Raises
    ------
    InvalidInput
        If it is planted and that is not known, an adapter does not fit the base, or another folder holds something
        else.
    """
    found = _adapter(there, base, clean) if there.kind == Kind.CAUSAL_ADAPTER else _model(there, base)
    for path, stored in found.stored.items():
        refuse_planted(stored, path, i_know_it_is_planted=i_know_it_is_planted)
    planted = [path for path, stored in found.stored.items() if stored.planted]
    folder, where = shlex.quote(str(there.folder)), "BASE" if base is None else shlex.quote(str(base))
    named = f"--model {folder} --base {where}" if there.kind == Kind.CAUSAL_ADAPTER else f"--model {folder}"
    tried = Check(
        name="words that turn the agent",
        verdict=Verdict.INCONCLUSIVE,
        why="words are looked for in models of this world only; what it does under known triggers is told by "
        f"`consilience backdoor-audits measure {named} --control {where}`",
        rule=Rule.TRIGGER,
    )
    return Findings(
        command="scan-model",
        subject=str(there.folder),
        scored=found.weights,
        unit="weights",
        checks=(*found.checks, tried),
        findings=tuple(
            Finding(
                rule=Rule.PROVENANCE, message="the file says that a canary was planted", place=Place(file=str(path))
            )
            for path in planted
        ),
        digests=found.digests,
        notes=found.notes,
        facts={"kind": str(there.kind), **found.facts},
    )


@dataclass(frozen=True)
class _Read:
    stored: Mapping[Path, Stored]
    weights: int
    digests: Mapping[str, str]
    facts: Mapping[str, Fact]
    checks: tuple[Check, ...] = ()
    notes: tuple[str, ...] = ()


def _model(there: Checkpoint, base: Path | None) -> _Read:
    # Weights may be large: what the files say of themselves and their digests are enough.
    stored = {path: Stored({}, header_of(path)) for path in there.paths}
    count = sum(len(shapes_of(path)) for path in there.paths)
    digests = {"suspect": base_digest(there.folder)}
    notes = ("A whole model has no change to look at; of an adapter one sees what it changes.",)
    if base is not None:
        digests["base"] = base_digest(_causal(base).folder)
    facts: dict[str, Fact] = {"architecture": str(there.config.get("model_type", "")), "files": len(there.paths)}
    return _Read(stored, count, digests, facts, notes=notes)


def _adapter(there: Checkpoint, base: Path | None, clean: Sequence[Path]) -> _Read:
    path = there.paths[0]
    stored = read_weights(path)
    facts: dict[str, Fact] = {"base that it names": there.named_base or None}
    digests, checks = {"suspect": digest(stored.weights)}, []
    notes = []
    if base is None:
        notes.append("Without --base it was not looked at whether the adapter fits what it names.")
    else:
        digests["base"] = base_digest(_causal(base).folder)
        checks.append(_fits(path, stored, base, digests["base"]))
    try:
        numbers = statistics(stored.weights, _scale(there.config))
    except InvalidInput as error:
        return _Read({path: stored}, len(stored.weights), digests, facts, tuple(checks), (*notes, f"Weights: {error}."))
    facts.update(_described(there.config, numbers))
    others = [_numbers(one) for one in clean]
    if len(others) > FEWEST:
        told, highest = beside(numbers, others)
        checks.append(
            Check(
                name="weights beside those of clean adapters",
                verdict=Verdict.PASS,
                why=told,
                threshold=highest,
                rule=Rule.PROVENANCE,
            )
        )
    else:
        notes.append(
            f"Weights were held against none: give at least {FEWEST + 1} clean adapters of the same base and maps, "
            "each with --clean."
        )
    return _Read({path: stored}, len(stored.weights), digests, facts, tuple(checks), tuple(notes))


def _causal(folder: Path) -> Checkpoint:
    found = recognised(folder)
    if found.kind != Kind.CAUSAL:
        raise InvalidInput(f"--base must hold the causal model that the adapter was tuned on; {folder}: {found.kind}")
    return found


def _numbers(folder: Path) -> dict[str, float]:
    found = recognised(folder)
    if found.kind != Kind.CAUSAL_ADAPTER:
        raise InvalidInput(f"--clean must hold a clean adapter of a causal model; {folder}: {found.kind}")
    stored = read_weights(found.paths[0])
    if stored.planted:
        raise InvalidInput(f"--clean must hold a clean adapter; {folder} says that a canary was planted")
    return statistics(stored.weights, _scale(found.config))


def _scale(config: Mapping[str, object]) -> float:
    """Return by what an adapter's product is multiplied; 1 where that is not said."""
    rank, alpha = config.get("r"), config.get("lora_alpha")
    if not isinstance(rank, int) or not isinstance(alpha, int | float) or rank < 1:
        return 1.0
    return float(alpha) / (rank**0.5 if config.get("use_rslora") else rank)


def _described(config: Mapping[str, object], numbers: Mapping[str, float]) -> dict[str, Fact]:
    sizes = {name.removesuffix(" size"): np.exp(value) for name, value in numbers.items() if name.endswith(" size")}
    ones = [value for name, value in numbers.items() if name.endswith(" one direction")]
    largest = max(sizes, key=lambda name: float(sizes[name]))
    return {
        "maps that it changes": len(sizes),
        "rank": config.get("r") if isinstance(config.get("r"), int) else None,  # type: ignore[dict-item]
        "mean change of a weight": float(np.mean(list(sizes.values()))),
        "largest change of a weight": f"{sizes[largest]:.4g} in {largest}",
        "share in one direction, mean": float(np.mean(ones)),
    }


def _fits(path: Path, stored: Stored, base: Path, found: str) -> Check:
    named = stored.metadata.get("base_digest")
    if named is not None and named != found:
        raise InvalidInput(f"{path} belongs to base {named[:12]} and {base} is {found[:12]}; give the base it names")
    shapes = {name: shape for one in recognised(base).paths for name, shape in shapes_of(one).items()}
    maps = [name.removeprefix(_LAYERS).removesuffix(_A) for name in stored.weights if name.endswith(_A)]
    wrong = [one for one in maps if not _is_of(one, stored.weights, shapes)]
    if wrong:
        raise InvalidInput(
            f"{path} is an adapter of another base: {len(wrong)} of {len(maps)} maps, such as {wrong[0]}, are not in "
            f"{base} at this size; give the base that it was tuned on"
        )
    why = f"all {len(maps)} maps are in the base at their sizes; that they were tuned on it is not shown by that"
    if named is not None:
        why = "its file names the digest of this base"
    return Check(name="the adapter fits its base", verdict=Verdict.PASS, why=why, rule=Rule.PROVENANCE)


def _is_of(one: str, weights: Mapping[str, Tensor], shapes: Mapping[str, tuple[int, ...]]) -> bool:
    down, up = (weights.get(f"{_LAYERS}{one}{end}") for end in (_A, _B))
    if down is None or up is None:
        return False
    size = (up.shape[0], down.shape[1])
    # A base may be stored with a name in front, or without the one that it has in memory, and maps of GPT-2 lie down.
    ends = {f"{one}.weight", f"{one.partition('.')[2]}.weight"}
    mine = [shape for name, shape in shapes.items() if name in ends or name.endswith(f".{one}.weight")]
    return any(shape in {size, size[::-1]} for shape in mine)
