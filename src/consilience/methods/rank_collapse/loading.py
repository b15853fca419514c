"""A model from a folder that transformers saved, with its tokenizer, and text cut into windows for it. No network."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from jaxtyping import Int
from torch import Tensor, nn

from consilience.ground.errors import InvalidInput, MissingDependency

try:
    import transformers
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError
    from safetensors import SafetensorError

    from consilience.neural.hush import hushed
except ImportError as missing:
    raise MissingDependency("models of others need transformers; install consilience[rank].") from missing

__all__ = ["USUAL_TOKENS", "Loaded", "Precision", "load", "read_text", "windows"]

Precision = Literal["single", "double"]
"""What a model computes in, whatever it was saved in."""

_TYPES = {"single": torch.float32, "double": torch.float64}
_BYTES = 256
_CHARACTERS = 16
"""Of a token, at first sight: more than most have."""
USUAL_TOKENS = 128
"""Length of a sequence where nobody asks for another."""
_TOKENIZERS = (
    "tokenizer.json",
    "tokenizer.model",
    "spiece.model",
    "vocab.txt",
    "vocab.json",
    "sentencepiece.bpe.model",
)
"""Files of which a folder with a tokenizer has one, unless it is one `_WITHOUT_FILES`."""
_WITHOUT_FILES = ("ByT5Tokenizer", "CanineTokenizer", "PerceiverTokenizer")
"""Tokenizers of bytes and characters: they have no file of words, and their special tokens come before the bytes."""


@dataclass(frozen=True)
class Loaded:
    """A model that is ready to read."""

    name: str
    """The last part of its path, by which pictures call it."""
    model: nn.Module
    """In evaluation mode, without a head."""
    tokenizer: Any
    """Turns text into tokens; None where there is none, and bytes are tokens."""
    vocabulary: int
    """How many tokens the model knows."""
    longest: int | None
    """Most tokens of a sequence, where the model says so."""
    notes: tuple[str, ...]
    """What a reader must know to judge the numbers."""

    @property
    def has_decoder_beside_encoder(self) -> bool:
        """Whether the model is an encoder with a decoder."""
        return bool(self.config.is_encoder_decoder)

    @property
    def config(self) -> Any:
        """The model's configuration."""
        return self.model.config


def load(source: str, precision: Precision = "single", device: torch.device | None = None) -> Loaded:
    """Load a model and its tokenizer.

    Parameters
    ----------
    source
        A folder of ``save_pretrained``, or the id of a model that was downloaded before.
    precision
        What it computes in.
    device
        Where; the processor when not given.

    Raises
    ------
    InvalidInput
        If there is no such model here, it has no safetensors, needs code of its own, or reads no text.
    """
    folder = _folder(source)
    if not list(folder.glob("*.safetensors")):
        raise InvalidInput(f"{source} must hold a model as safetensors; save it with save_pretrained, which does so.")
    with hushed():
        model, notes = _model(folder, source, _TYPES[precision])
        tokenizer = _tokenizer(folder)
    text = model.config.get_text_config()
    vocabulary = getattr(text, "vocab_size", None)
    if vocabulary is None:
        raise InvalidInput(f"{source} must be a model that reads text; a {type(model).__name__} has no vocabulary.")
    if model.main_input_name != "input_ids":
        raise InvalidInput(
            f"{source} must be a model that reads text; a {type(model).__name__} takes {model.main_input_name}."
        )
    if tokenizer is None:
        if vocabulary < _BYTES:
            raise InvalidInput(
                f"{source} has no tokenizer, and its vocabulary of {vocabulary} is too small for bytes: save the "
                "tokenizer into the same folder."
            )
        notes = (*notes, "no tokenizer in the folder: the bytes of the text are the tokens")
    return Loaded(
        name=Path(source).name or source,
        model=model.eval().to(device or torch.device("cpu")),
        tokenizer=tokenizer,
        vocabulary=int(vocabulary),
        longest=_longest(model, text),
        notes=notes,
    )


def read_text(path: Path) -> str:
    """Read a text file whole.

    Raises
    ------
    InvalidInput
        If it is absent, not UTF-8, or empty.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"{path} must be a readable text file; {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path} must be text in UTF-8; {error.reason} at byte {error.start}.") from error
    if not text.strip():
        raise InvalidInput(f"{path} must hold some text; it is empty.")
    return text


def windows(loaded: Loaded, text: str, tokens: int, most: int) -> Int[Tensor, "sequence token"]:
    """Cut a text into sequences of equal length, special tokens included.

    Parameters
    ----------
    loaded
        The model that is to read them.
    text
        Any text.
    tokens
        Length of a sequence. A text that is shorter is one sequence; what is left of a longer one is dropped.
    most
        How many sequences at the most, from the beginning of the text.

    Raises
    ------
    InvalidInput
        If the length is more than the model reads, the text is a single token, or a token is not in the vocabulary.
    """
    if tokens < 2 or (loaded.longest is not None and tokens > loaded.longest):  # noqa: PLR2004
        raise InvalidInput(
            f"`tokens` must be from 2 to {loaded.longest or 'any number'} for {loaded.name}; got {tokens}."
        )
    ids = _pieces(loaded, text, tokens, most)
    whole = [piece for piece in ids if len(piece) == tokens] or ids[:1]
    if len(whole[0]) < 2:  # noqa: PLR2004
        raise InvalidInput(f"the text must be two tokens at least; {loaded.name} reads {len(whole[0])}.")
    found = torch.tensor(whole[:most])
    if int(found.max()) >= loaded.vocabulary:
        raise InvalidInput(
            f"the tokenizer of {loaded.name} has token {int(found.max())}, and the model a vocabulary of "
            f"{loaded.vocabulary}: they do not belong together."
        )
    return found


def _pieces(loaded: Loaded, text: str, tokens: int, most: int) -> list[list[int]]:
    """Cut as much of a text as it takes: a book of which one page is read is not turned into tokens whole.

    One piece more than is wanted is cut, so that none that is read ends where the text was cut off.
    """
    end = _CHARACTERS * tokens * (most + 1)
    while True:
        pieces = _cut(loaded, text[:end], tokens)
        if end >= len(text) or sum(len(piece) == tokens for piece in pieces) > most:
            return pieces
        end *= 4


def _cut(loaded: Loaded, text: str, tokens: int) -> list[list[int]]:
    if loaded.tokenizer is None:
        raw = list(text.encode())
        return [raw[first : first + tokens] for first in range(0, len(raw), tokens)]
    with hushed():
        if loaded.tokenizer.is_fast:
            cut = loaded.tokenizer(text, truncation=True, max_length=tokens, return_overflowing_tokens=True)
            return [list(piece) for piece in cut["input_ids"]]
        raw = loaded.tokenizer(text, add_special_tokens=False)["input_ids"]
    return [raw[first : first + tokens] for first in range(0, len(raw), tokens)]


def _folder(source: str) -> Path:
    if Path(source).is_dir():
        return Path(source)
    nowhere = (
        f"no model {source!r} on this machine: give a folder that save_pretrained wrote, or an id downloaded before."
    )
    try:
        return Path(snapshot_download(source, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError, OSError) as error:
        raise InvalidInput(nowhere) from error


def _model(folder: Path, source: str, kind: torch.dtype) -> tuple[Any, tuple[str, ...]]:
    try:
        model, found = transformers.AutoModel.from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            attn_implementation="eager",
            dtype=kind,
            output_loading_info=True,
        )
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        first = (str(error).strip().splitlines() or ["it cannot be read"])[0]
        raise InvalidInput(f"{source} must hold a model that this transformers knows; {first}") from error
    missing = [name for name in found["missing_keys"] if "pooler" not in name]
    if not missing:
        return model, ()
    return model, (f"{len(missing)} weights are not in the file and were drawn at random, such as {missing[0]}",)


def _longest(model: nn.Module, text: Any) -> int | None:
    """Return how many tokens a model has places for: RoBERTa and its kin count theirs from behind that of padding."""
    places = getattr(text, "max_position_embeddings", None)
    for name, module in model.named_modules():
        learned = isinstance(module, nn.Embedding) and name.endswith("position_embeddings")
        if learned and module.padding_idx is not None and module.num_embeddings == places:
            return int(places) - int(module.padding_idx) - 1
    return places if isinstance(places, int) and places > 0 else None  # XLNet says -1


def _tokenizer(folder: Path) -> Any:
    if not any((folder / name).exists() for name in _TOKENIZERS) and not _needs_no_file(folder):
        return None
    try:
        found = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError, ImportError) as error:
        first = (str(error).strip().splitlines() or ["it cannot be read"])[0]
        raise InvalidInput(f"the tokenizer in {folder} cannot be read; {first}") from error
    found.truncation_side = "right"  # or sequences would come from the end of the text, the last one first
    return found


def _needs_no_file(folder: Path) -> bool:
    """Whether the tokenizer of a folder makes its tokens without a file of words."""
    try:
        settings = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(settings, dict) and settings.get("tokenizer_class") in _WITHOUT_FILES
