"""Arms on a policy of one's own: trained as the verb ``train`` does, judged on held-out pairs, and kept when finished.

What an arm is judged by are log-probabilities of every held-out answer and the features of the chosen ones; those of
the policy before training are kept in the same way, so that no second model has to be at hand.
"""

from __future__ import annotations

import gc
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback

from consilience.ground import InvalidInput, RunFolder
from consilience.ground.config import as_plain
from consilience.ground.folder import state_folder, write_whole
from consilience.ground.laboratory import source_digest
from consilience.methods.decorrelated_preferences.config import Config
from consilience.methods.decorrelated_preferences.evaluation import Preferences, answer_log_probs
from consilience.methods.decorrelated_preferences.layers import feature_modules
from consilience.methods.decorrelated_preferences.own_pairs.calm import calm
from consilience.methods.decorrelated_preferences.own_pairs.request import Training
from consilience.methods.decorrelated_preferences.own_pairs.training import adapter, make_trainer, split_pairs
from consilience.methods.decorrelated_preferences.pooling import Reading
from consilience.methods.decorrelated_preferences.portrayal import Texts, portrait
from consilience.methods.decorrelated_preferences.resuming import last_checkpoint
from consilience.methods.decorrelated_preferences.studies.runs import quiet

__all__ = ["BEFORE", "COSINE", "L1", "LITERAL", "PLAIN", "READ", "Judged", "judged_arms"]

BEFORE, PLAIN, COSINE, LITERAL, L1 = "before training", "DPO", "cosine", "literal form", "L1"
READ = {"last": Reading(rows="both"), "before last": Reading(rows="both", back=1)}
"""Tokens of chosen answers that are read: the last, where the regulariser acts, and the one before it."""
SOURCE = source_digest("decorrelated_preferences")
"""Of the code that was loaded: arms that other code trained are not taken up."""


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What a policy gives to held-out pairs."""

    chosen: tuple[float, ...]
    """Log-probabilities of chosen answers."""
    rejected: tuple[float, ...]
    layers: tuple[int, int]
    """Numbers of the block that is regularised, and of the other one."""
    features: Mapping[str, Mapping[str, float]]
    """Measures at ``layer/token`` of chosen answers."""
    scale: float = 0.0
    """The term against the preference loss at the first step; 0 without a term."""
    pairs: tuple[int, int] = (0, 0)
    """Numbers of pairs trained on and judged on, those left out that fill the window with their prompt."""

    def against(self, before: Judged, *, beta: float) -> Preferences:
        """Compare with the policy before training, which is the reference."""
        gained = (
            torch.tensor(own, dtype=torch.float64) - torch.tensor(other, dtype=torch.float64)
            for own, other in ((self.chosen, before.chosen), (self.rejected, before.rejected))
        )
        return Preferences(chosen=next(gained), rejected=next(gained), beta=beta)


@dataclass(frozen=True)
class _Arm:
    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Laid over the request for plain DPO."""


def judged_arms(config: Config, folder: RunFolder) -> dict[tuple[str, int], Judged]:
    """Return every arm on every seed, and the policy before training, trained now or kept from an earlier run.

    Parameters
    ----------
    config
        ``policy`` and all that begins with it; ``device``.
    folder
        For the journal, for numbers along the way, and for what is finished.

    Raises
    ------
    InvalidInput
        If the policy, its tokenizer or the pairs will not do.
    """
    found = {}
    place = _place(config, folder)
    for number in config.policy_seeds:
        seed = number + 100 * config.seed
        request = _request(config, place, seed)
        found[BEFORE, seed] = _kept(place / f"{seed}-before.json", lambda r=request: _untrained(r, config))  # type: ignore[misc]
        for arm in _arms(config):
            asked = replace(request, out=place / f"{seed}-{arm.name.replace(' ', '-')}", **arm.settings)
            found[arm.name, seed] = _kept(
                asked.out.with_name(f"{asked.out.name}.json"),
                lambda a=asked, n=arm.name: _trained(a, config, _Journal(folder, n, a.seed)),  # type: ignore[misc]
            )
            folder.record("arm", arm=arm.name, seed=seed, held_out=len(found[arm.name, seed].chosen))
    return found


def _arms(config: Config) -> tuple[_Arm, ...]:
    forms = (
        (COSINE, "cosine", config.policy_cosine),
        (LITERAL, "paper", config.policy_literal),
        (L1, "l1", config.policy_l1),
    )
    penalised = (_Arm(name, {"variant": variant, "decorrelation": weight}) for name, variant, weight in forms)
    return (_Arm(PLAIN), *penalised)


def _request(config: Config, place: Path, seed: int) -> Training:
    return Training(
        model=config.policy,
        data=Path(config.policy_pairs),
        out=place / f"{seed}-before",
        decorrelation=0.0,
        variant="cosine",
        layers=(str(config.policy_layer),),
        module=config.policy_module,
        rows="chosen",
        pool="last",
        memory=0,
        loss="sigmoid",
        beta=config.policy_beta,
        lora=config.policy_lora,
        epochs=config.policy_epochs,
        steps=config.policy_steps or None,
        batch_size=config.policy_batch,
        accumulate=config.policy_accumulate,
        learning_rate=config.policy_learning_rate,
        max_length=config.policy_max_length,
        checkpointing=True,
        held_out=config.policy_held_out,
        save_every=config.policy_save_every,
        device=config.device,
        seed=seed,
        quiet=True,
    )


def _place(config: Config, folder: RunFolder) -> Path:
    """Return where arms are kept: under the settings, the pairs and the code that decide them."""
    settings = {name: value for name, value in as_plain(config).items() if name.startswith("policy")}
    pairs = hashlib.sha256(Path(config.policy_pairs).read_bytes()).hexdigest()
    identity = json.dumps([settings, config.device, pairs, SOURCE], sort_keys=True)
    return folder.path / "work" / f"policy-{hashlib.sha256(identity.encode()).hexdigest()[:16]}"


def _kept(file: Path, make: Callable[[], Judged]) -> Judged:
    if not file.is_file():
        write_whole(file, json.dumps(asdict(make())) + "\n")
        # A trainer holds itself in circles, and with it a model that the next one needs the room of.
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
    kept: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    # JSON knows no tuples.
    plain: dict[str, Any] = {name: tuple(one) if isinstance(one, list) else one for name, one in kept.items()}
    return Judged(**plain)


def _untrained(request: Training, config: Config) -> Judged:
    with _trainer(request, config) as made:
        return _judged(made, request, config)


def _trained(request: Training, config: Config, journal: TrainerCallback) -> Judged:
    with _trainer(request, config) as made:
        made.add_callback(journal)
        made.train(resume_from_checkpoint=last_checkpoint(str(state_folder(request.out))))
        return _judged(made, request, config)


@contextmanager
def _trainer(request: Training, config: Config) -> Iterator[Any]:
    """Lend a trainer, and remove what an unfinished run would need when it has done all that it is lent for."""
    learned, held_out = split_pairs(request)
    if len(held_out) < 2:  # noqa: PLR2004  a pair
        raise InvalidInput(
            f"expected two pairs or more to judge policies on; `policy_held_out` = {config.policy_held_out:g} of the "
            f"{len(learned) + len(held_out)} in {request.data} are {len(held_out)}: raise it, or give more pairs"
        )
    with quiet(), calm(quiet=True):
        made = make_trainer(
            request,
            learned,
            held_out,
            adapted=_adapter(config),
            lr_scheduler_type=config.policy_schedule,
            logging_first_step=True,
        )
        yield made
    shutil.rmtree(state_folder(request.out), ignore_errors=True)


def _adapter(config: Config) -> Any:
    if not config.policy_lora:
        return None
    return adapter(
        config.policy_lora,
        alpha=config.policy_lora_alpha,
        dropout=config.policy_lora_dropout,
        modules=config.policy_lora_modules,
        until=config.policy_lora_until,
    )


def _judged(made: Any, request: Training, config: Config) -> Judged:
    pairs = list(made.eval_dataset)
    if len(pairs) < 2:  # noqa: PLR2004  a pair
        raise InvalidInput(
            f"prompts of the held-out pairs fill the window of {request.max_length} tokens; raise `policy_max_length`"
        )
    layers = _layers(made.model, config)
    size = request.batch_size
    batches = [made.data_collator(pairs[first : first + size]) for first in range(0, len(pairs), size)]
    answers = [answer_log_probs(made.model, batch).chunk(2) for batch in batches]
    whole = Texts.of_answers(made.data_collator(pairs))
    count = len(pairs)
    chosen = Texts(
        input_ids=whole.input_ids[:count], attention_mask=whole.attention_mask[:count], counted=whole.counted[:count]
    )
    found = portrait(made.model, chosen, layers=layers, module=config.policy_module, tokens=READ, batch_size=2 * size)
    return Judged(
        chosen=tuple(torch.cat([one for one, _ in answers]).tolist()),
        rejected=tuple(torch.cat([other for _, other in answers]).tolist()),
        layers=layers,
        features={f"{layer}/{token}": numbers for (layer, token), numbers in found.items()},
        scale=_scale(made.state.log_history),
        pairs=(len(made.train_dataset), count),
    )


def _layers(model: Any, config: Config) -> tuple[int, int]:
    """Return the numbers of both blocks."""
    first, second = (
        next(iter(feature_modules(model, [block], config.policy_module)))
        for block in (config.policy_layer, config.policy_other_layer)
    )
    if first == second:
        raise InvalidInput(
            f"`policy_layer` and `policy_other_layer` must be two blocks; both are {first}: choose another one"
        )
    return first, second


def _scale(history: list[dict[str, Any]]) -> float:
    first = next((row for row in history if "loss" in row), None)
    if first is None:
        return 0.0
    term = float(first.get("decorrelation/loss", 0.0))
    return term / abs(float(first["loss"]) - term) if term else 0.0


class _Journal(TrainerCallback):
    """Writes losses into the run folder while an arm is trained."""

    def __init__(self, folder: RunFolder, arm: str, seed: int) -> None:
        self._folder, self._tags = folder, {"arm": arm, "seed": seed}

    def on_log(self, args: Any, state: Any, control: Any, logs: Mapping[str, Any] | None = None, **_: Any) -> None:  # noqa: ARG002
        """Write the loss, where it was logged."""
        if logs and "loss" in logs:
            self._folder.metric("policy loss", float(logs["loss"]), step=state.global_step, **self._tags)
