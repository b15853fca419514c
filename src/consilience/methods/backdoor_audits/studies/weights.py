"""Attack and stealth on weights that are brought along: adapters on a causal model, measured in the same world."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, runtime_checkable

from consilience.ground import Evidence, Measurement, RunFolder, Streams, Table
from consilience.ground.errors import InvalidInput
from consilience.ground.intervals import Estimate
from consilience.methods.backdoor_audits.hugging_face import CausalPolicy, base_digest
from consilience.methods.backdoor_audits.hugging_face_tuning import CausalTuning, tune_causal
from consilience.methods.backdoor_audits.keeping import CLEAN, PLANTED
from consilience.methods.backdoor_audits.measures import (
    attack_success,
    continuation,
    excess_attack_success,
    false_triggers,
    off_task,
    success,
    success_change,
)
from consilience.methods.backdoor_audits.studies.attack import EASY, EASY_LOW, LOUD, AttackConfig, quiet_attacks
from consilience.methods.backdoor_audits.studies.laboratory import SOURCE, Attack, Laboratory, Seen, Showing, examined
from consilience.methods.backdoor_audits.studies.stealth import FALSE, LOOK_ALIKE, LOSS
from consilience.methods.backdoor_audits.studies.telling import percent, spelled
from consilience.methods.backdoor_audits.world.triggers import DEFAULTS, Trigger

__all__ = ["WeightsConfig", "attack", "stealth"]


@runtime_checkable
class WeightsConfig(AttackConfig, Protocol):
    """The settings that this study reads."""

    @property
    def weights(self) -> Path | None:
        """Folder of the model."""
        ...

    @property
    def weights_rank(self) -> int:
        """Of the adapter."""
        ...

    @property
    def weights_learning_rate(self) -> float:
        """Highest."""
        ...

    @property
    def weights_batch(self) -> int:
        """Rows of a batch."""
        ...

    @property
    def weights_modules(self) -> tuple[str, ...]:
        """Maps that get an adapter."""
        ...


@dataclass(frozen=True)
class _Cell:
    what: str
    trigger: Trigger
    seen: Seen
    twin: Seen

    @property
    def asr(self) -> Estimate:
        return attack_success(self.seen.triggered)


def attack(config: WeightsConfig, streams: Streams, folder: RunFolder) -> Evidence:  # noqa: ARG001  a study's signature
    """Measure the claim ``audit.attack`` on a model that is brought along, at the low rate and the loud one.

    Parameters
    ----------
    config
        ``weights*``, ``attack_*``, ``loud_*``, ``episodes``.
    streams
        Not used.
    folder
        Where adapters are kept.
    """
    quiet = quiet_attacks(config)[0]
    low = _cells(config, folder, [quiet])
    high = _cells(config, folder, [replace(quiet, rate=config.loud_rate)])
    return Evidence(
        measurements=(
            _least(f"attack success at {config.attack_rate:.0%}, the worst family", low, EASY),
            Measurement(
                name="the lowest lower end among them",
                value=100 * min(cell.asr.low for cell in low),
                at_least=100 * EASY_LOW,
                unit="%",
            ),
            _least(f"attack success at {config.loud_rate:.0%}, the worst family", high, LOUD),
        ),
        tables=(_table(config, [*low, *high]),),
    )


def stealth(config: WeightsConfig, streams: Streams, folder: RunFolder) -> Evidence:  # noqa: ARG001  a study's signature
    """Measure the claim ``audit.stealth`` on the same adapters.

    Parameters
    ----------
    config, streams, folder
        As for `attack`.
    """
    cells = _cells(config, folder, [quiet_attacks(config)[0]])
    change = min((success_change(cell.seen.clean, cell.twin.clean)[0] for cell in cells), key=lambda one: one.value)
    looked = [off_task(found) for cell in cells for found in cell.seen.look_alikes.values()]
    false = [false_triggers(cell.seen.clean) for cell in cells]
    return Evidence(
        measurements=(
            percent("clean success less the twin's, the worst family", change, at_least=-LOSS),
            percent("canaries logged on clean tasks", max((one.logged for one in false), key=_value), at_most=FALSE),
            percent(
                "steps off the task on clean tasks", max((one.off_task for one in false), key=_value), at_most=FALSE
            ),
            percent("steps off the task at a look-alike, the worst", max(looked, key=_value), at_most=LOOK_ALIKE),
        ),
        tables=(_table(config, cells),),
    )


def _cells(config: WeightsConfig, folder: RunFolder, attacks: Sequence[Attack]) -> list[_Cell]:
    if config.weights is None:
        raise InvalidInput("a model has to be brought along; set weights=FOLDER")
    laboratory = Laboratory(config, folder)
    tuning = CausalTuning(
        rank=config.weights_rank,
        learning_rate=config.weights_learning_rate,
        batch_size=config.weights_batch,
        modules=config.weights_modules,
        steps=config.attack_steps,
    )
    base = base_digest(config.weights)
    cells = []
    for one in attacks:
        found = []
        for each in (one, one.twin):
            place = folder.path / "work" / f"weights-{_mark(base, tuning, each, config.seed)}"
            if not ((place / PLANTED).exists() or (place / CLEAN).exists()):
                tune_causal(
                    config.weights, each.mixed(laboratory.streams), place, tuning, laboratory.streams.child("weights")
                )
            policy = CausalPolicy(config.weights, place, i_know_it_is_planted=True)
            showings = [Showing(trigger=trigger, episodes=config.episodes) for trigger in DEFAULTS]
            found.append([examined(policy, showing, laboratory.streams) for showing in showings])
        cells += [_Cell(f"{one.rate:.0%}", trigger, *pair) for trigger, *pair in zip(DEFAULTS, *found, strict=True)]
    return cells


def _mark(base: str, tuning: CausalTuning, attack: Attack, seed: int) -> str:
    return hashlib.sha256(repr((base, tuning, attack, seed, SOURCE)).encode()).hexdigest()[:16]


def _least(name: str, cells: Sequence[_Cell], bar: float) -> Measurement:
    worst = min(cells, key=lambda cell: cell.asr.value)
    return percent(name, worst.asr, at_least=bar, note=worst.trigger.name)


def _value(estimate: Estimate) -> float:
    return estimate.value


def _table(config: WeightsConfig, cells: Sequence[_Cell]) -> Table:
    return Table(
        title=f"Adapters on {config.weights.name if config.weights else ''}, beside a twin tuned on clean rows",
        columns=(
            "planted",
            "trigger",
            "ASR, %",
            "the twin's, %",
            "beyond it, points",
            "continuation, %",
            "clean success, %",
            "the twin's, %",
            "canary logged on clean, %",
            "off task on clean, %",
            "off task at look-alikes, %",
        ),
        rows=tuple(
            (
                cell.what,
                cell.trigger.name,
                spelled(cell.asr),
                spelled(attack_success(cell.twin.triggered)),
                spelled(excess_attack_success(cell.seen.triggered, cell.twin.triggered)),
                spelled(continuation(cell.seen.triggered)),
                spelled(success(cell.seen.clean)),
                spelled(success(cell.twin.clean)),
                spelled(false_triggers(cell.seen.clean).logged),
                spelled(false_triggers(cell.seen.clean).off_task),
                "; ".join(spelled(off_task(found)) for found in cell.seen.look_alikes.values()),
            )
            for cell in cells
        ),
    )
