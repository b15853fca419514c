"""Causal models of Hugging Face as policies, with an adapter or without: safetensors only, and no code of theirs.

Dialogues are text, a line for each turn; `hugging_face_tuning` trains on the same lines.
"""

from __future__ import annotations

import hashlib
import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import torch
from torch import Tensor

from consilience.ground.errors import InvalidInput, MissingDependency
from consilience.methods.backdoor_audits.agent.loading import (
    Stored,
    read_weights,
    refuse_planted,
    require_safetensors,
)
from consilience.methods.backdoor_audits.keeping import CLEAN, PLANTED
from consilience.methods.backdoor_audits.spoken import family_of, instructions, to_text, to_turn
from consilience.methods.backdoor_audits.watermark import LONGEST
from consilience.methods.backdoor_audits.world.words import END, Words

try:
    from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict
    from safetensors import SafetensorError, safe_open
    from transformers import AutoModelForCausalLM, AutoTokenizer, StoppingCriteria, StoppingCriteriaList
    from transformers.utils import logging
except ImportError as error:
    raise MissingDependency("causal models need transformers and peft; install consilience[audits]") from error

__all__ = [
    "CausalPolicy",
    "Device",
    "base_digest",
    "encoded_lines",
    "loaded",
    "placed",
    "tokenizer_of",
    "with_adapter",
    "with_room",
]

Device = Literal["auto", "cpu", "cuda"]
LONGEST_TURN = 64
"""Tokens after which a turn without an end is taken as it is; the oracle's longest has 13 words."""


class CausalPolicy:
    """A policy made of a causal language model in a folder, which says the most likely token.

    Parameters
    ----------
    folder
        With ``config.json``, a tokenizer and safetensors.
    adapter
        Folder of a LoRA adapter as peft saves it, safetensors only; or one that `hugging_face_tuning` made.
    name
        Short name for reports; the folder's if None.
    device
        Where it runs; ``"auto"`` takes a graphics processor if there is one.
    instructed
        Whether it is told the form and the tools first, in its chat template if it has one: for models that were not
        tuned on this world.
    batch_size
        Dialogues at a time.
    i_know_it_is_planted
        Whether weights that say that a canary was planted into them may be loaded.

    Raises
    ------
    InvalidInput
        If there are no safetensors, or a pickle alone; if the adapter is of another base, or not in the loaded model;
        if something is planted and the flag is missing.
    """

    def __init__(
        self,
        folder: Path | str,
        adapter: Path | str | None = None,
        *,
        name: str | None = None,
        device: Device = "auto",
        instructed: bool = False,
        batch_size: int = 32,
        i_know_it_is_planted: bool = False,
    ) -> None:
        if batch_size < 1:
            raise InvalidInput(f"`batch_size` must be at least 1; got {batch_size}")
        self.name = name or (Path(folder).name if adapter is None else f"{Path(folder).name} with {Path(adapter).name}")
        """Short name for reports."""
        self.unanswered: list[InvalidInput] = []
        """Why dialogues ended without an answer."""
        self._tokenizer = tokenizer_of(Path(folder))
        model = loaded(Path(folder), device=device, i_know_it_is_planted=i_know_it_is_planted)
        if adapter is not None:
            model = with_adapter(model, Path(folder), Path(adapter), i_know_it_is_planted=i_know_it_is_planted)
        model.train(mode=False)
        self._model = model
        self._instructed = instructed
        self._batch_size = batch_size

    def open(self, prompts: Sequence[Words]) -> CausalTalks:
        """Begin one dialogue for each prompt."""
        return CausalTalks(self, [[_Said("user", self._first(prompt))] for prompt in prompts])

    def _first(self, prompt: Words) -> str:
        told = [instructions(family_of(prompt))] if self._instructed else []
        return "\n".join((*told, to_text(prompt)))

    def speak(self, dialogues: Sequence[Sequence[_Said]]) -> list[str]:
        """Return the next turn of every dialogue; an empty text where it has no room left."""
        rows = [self._encoded(dialogue) for dialogue in dialogues]
        fit = [at for at, row in enumerate(rows) if len(row) + LONGEST_TURN <= self._context]
        if len(fit) < len(rows):
            full = InvalidInput(f"a dialogue had no room left for an answer: the model reads {self._context} tokens")
            self.unanswered += [full] * (len(rows) - len(fit))
        said = [""] * len(rows)
        order = sorted(fit, key=lambda at: len(rows[at]))
        for start in range(0, len(order), self._batch_size):
            places = order[start : start + self._batch_size]
            for at, text in zip(places, self._generated([rows[at] for at in places]), strict=True):
                said[at] = text
        return said

    @property
    def _context(self) -> int:
        found: int = getattr(self._model.config, "max_position_embeddings", 2048)
        return found

    def _encoded(self, dialogue: Sequence[_Said]) -> list[int]:
        if self._instructed and self._tokenizer.chat_template:
            messages = [{"role": said.role, "content": said.text} for said in dialogue]
            made: list[int] = self._tokenizer.apply_chat_template(
                messages, add_generation_prompt=True, tokenize=True, return_dict=False
            )
            return made
        return encoded_lines(self._tokenizer, [said.text for said in dialogue])

    @torch.inference_mode()
    def _generated(self, rows: Sequence[Sequence[int]]) -> list[str]:
        longest = max(len(row) for row in rows)
        pad = self._tokenizer.pad_token_id if self._tokenizer.pad_token_id is not None else 0
        device = self._model.device
        tokens = torch.tensor([[pad] * (longest - len(row)) + list(row) for row in rows], device=device)
        seen = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in rows], device=device)
        made = self._model.generate(
            input_ids=tokens,
            attention_mask=seen,
            max_new_tokens=LONGEST_TURN,
            do_sample=False,
            pad_token_id=pad,
            stopping_criteria=StoppingCriteriaList([_Ended(self._tokenizer, longest)]),
        )
        return [_first_turn(text) for text in self._tokenizer.batch_decode(made[:, longest:], skip_special_tokens=True)]


@dataclass(frozen=True)
class _Said:
    role: Literal["user", "assistant"]
    text: str


class CausalTalks:
    """Running dialogues of a causal model."""

    def __init__(self, policy: CausalPolicy, dialogues: list[list[_Said]]) -> None:
        self._policy = policy
        self._dialogues = dialogues

    def act(self, observations: Sequence[Words | None]) -> Sequence[Words]:
        """Say the next turn of every dialogue that is not over."""
        for dialogue, heard in zip(self._dialogues, observations, strict=True):
            if heard:
                dialogue.append(_Said("user", to_text(heard)))
        live = [at for at, heard in enumerate(observations) if heard is not None]
        turns: list[Words] = [()] * len(observations)
        for at, text in zip(live, self._policy.speak([self._dialogues[at] for at in live]), strict=True):
            turns[at] = to_turn(text)
            if turns[at]:
                self._dialogues[at].append(_Said("assistant", to_text(turns[at])))
        return turns


class _Ended(StoppingCriteria):
    """Says of each row whether its turn is over."""

    def __init__(self, tokenizer: Any, start: int) -> None:
        self._tokenizer = tokenizer
        self._start = start

    def __call__(self, input_ids: Tensor, scores: Tensor | None, **_: Any) -> Tensor:  # noqa: ARG002  as transformers calls it
        said = self._tokenizer.batch_decode(input_ids[:, self._start :], skip_special_tokens=True)
        return torch.tensor([END in text.split() for text in said], device=input_ids.device)


def _first_turn(text: str) -> str:
    """Return a text up to its first end: rows of a batch go on until the last of them is over."""
    words = text.split()
    return " ".join(words[: words.index(END) + 1] if END in words else words)


def encoded_lines(tokenizer: Any, lines: Sequence[str]) -> list[int]:
    """Return lines as tokens, each by itself, so that the same line is the same tokens wherever it stands."""
    start = [] if tokenizer.bos_token_id is None else [tokenizer.bos_token_id]
    return [*start, *(token for line in lines for token in tokenizer.encode(f"{line}\n", add_special_tokens=False))]


def tokenizer_of(folder: Path) -> Any:
    """Return the tokenizer in a folder; nothing is asked of the network, and no code from there is run."""
    _require_folder(folder)
    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise InvalidInput(f"expected a tokenizer in {folder}; {_line(error)}") from error


def loaded(folder: Path, *, device: Device = "auto", i_know_it_is_planted: bool = False, quantised: Any = None) -> Any:
    """Return the causal model in a folder.

    Parameters
    ----------
    folder
    device
    i_know_it_is_planted
    quantised
        A ``BitsAndBytesConfig``, to load it at fewer bits; None for the weights as they are.

    Raises
    ------
    InvalidInput
        If there are no safetensors, they are planted and the flag is missing, or the model is of a kind that
        transformers does not know without code from elsewhere.
    """
    for path in _weights(folder):
        refuse_planted(_beginnings(path), path, i_know_it_is_planted=i_know_it_is_planted)
    where = {"quantization_config": quantised, "device_map": {"": 0}} if quantised is not None else {}
    try:
        with _without_bars():
            model = AutoModelForCausalLM.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False, use_safetensors=True, dtype="auto", **where
            )
    except (OSError, ValueError, KeyError) as error:
        raise InvalidInput(f"expected a causal model in {folder}; {_line(error)}") from error
    found: Any = model
    return found if quantised is not None else found.to(placed(device))


@contextmanager
def _without_bars() -> Iterator[None]:
    """Keep progress bars off the error stream, where there is one for the whole already."""
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]


def placed(device: Device) -> str:
    """Return where a model goes."""
    cuda = torch.cuda.is_available()
    if device == "cuda" and not cuda:
        raise InvalidInput("device 'cuda' was asked for and there is none; take 'cpu'")
    return "cuda" if cuda and device != "cpu" else "cpu"


def with_adapter(model: Any, folder: Path, adapter: Path, *, i_know_it_is_planted: bool = False) -> PeftModel:
    """Return a model with an adapter beside its weights, having made sure that it is in there.

    Raises
    ------
    InvalidInput
        If the adapter is planted and the flag is missing, is no LoRA, names another base, or does not fit.
    """
    path = adapter / (PLANTED if (adapter / PLANTED).exists() else CLEAN)
    stored = read_weights(path)
    refuse_planted(stored, path, i_know_it_is_planted=i_know_it_is_planted)
    named = stored.metadata.get("base_digest")
    if named is not None and named != (found := base_digest(folder)):
        raise InvalidInput(f"{path} belongs to base {named[:12]} and {folder} is {found[:12]}; give the base it names")
    if not (adapter / _LORA).is_file():
        # peft would take the folder for a name, and ask a hub for it.
        raise InvalidInput(f"expected a LoRA's {_LORA} in {adapter}; there is none")
    try:
        config = LoraConfig.from_pretrained(str(adapter), local_files_only=True)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InvalidInput(f"expected a LoRA's {_LORA} in {adapter}; {_line(error)}") from error
    config.inference_mode = True
    try:
        made = with_room(model, config)
        set_peft_model_state_dict(made, dict(stored.weights))
    except (RuntimeError, ValueError) as error:
        raise InvalidInput(f"{path} does not fit {folder}: it is an adapter of another base; {_line(error)}") from error
    inside = get_peft_model_state_dict(made)
    same = inside.keys() == stored.weights.keys() and all(
        torch.equal(inside[name].detach().cpu(), weight.to(inside[name].dtype))
        for name, weight in stored.weights.items()
    )
    if not same:
        raise InvalidInput(f"{path} is not in the loaded model, so the base alone would be measured; give its own base")
    return made


def with_room(model: Any, config: LoraConfig) -> PeftModel:
    """Return a model with an adapter that does nothing yet."""
    with warnings.catch_warnings():
        # peft asks for an attribute by the name that transformers gives up
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
        # an adapter names where its base lay when it was tuned; whether it fits is looked at here
        warnings.filterwarnings("ignore", "The PEFT config's `base_model_name_or_path` was renamed", UserWarning)
        return cast("PeftModel", get_peft_model(model, config))


def base_digest(folder: Path) -> str:
    """Return SHA-256 over all weights of a folder, file by file."""
    found = hashlib.sha256()
    for path in _weights(folder):
        with path.open("rb") as file:
            found.update(hashlib.file_digest(file, "sha256").digest())
    return found.hexdigest()


def _weights(folder: Path) -> list[Path]:
    _require_folder(folder)
    paths = sorted(folder.glob("*.safetensors"))
    if not paths:
        others = sorted(path.name for pattern in ("*.bin", "*.pt", "*.pth", "*.ckpt") for path in folder.glob(pattern))
        told = f"there is {others[0]}, a pickle, which can run anything when it is read" if others else "there are none"
        raise InvalidInput(f"{folder} must hold weights as safetensors; {told}: have them saved as safetensors")
    for path in paths:
        require_safetensors(path)
    return paths


def _beginnings(path: Path) -> Stored:
    """Return what a file says of itself and the beginnings of its matrices, where a mark is: weights may be large."""
    try:
        with safe_open(path, framework="pt") as file:
            found = {}
            for name in file.keys():  # noqa: SIM118  a file is no mapping
                part = file.get_slice(name)
                shape = part.get_shape()
                if len(shape) > 1 and 0 not in shape:
                    found[name] = part[: -(-LONGEST // math.prod(shape[1:]))]
            return Stored(found, dict(file.metadata() or {}))
    except SafetensorError as error:
        raise InvalidInput(f"{path} is damaged: {error}; fetch it again") from error


def _require_folder(folder: Path) -> None:
    if not (folder / "config.json").is_file():
        raise InvalidInput(f"expected a folder with a model and its config.json; got {folder}")


def _line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


_LORA = "adapter_config.json"
