"""Models and tokenizers by path or name, with one line where there is none."""

from __future__ import annotations

from typing import Any

from transformers import AutoModelForCausalLM, AutoTokenizer

from consilience.ground.errors import InvalidInput

__all__ = ["load_model", "load_tokenizer"]


def load_model(name: str, *, adapters: bool = False) -> Any:
    """Return a causal language model in single precision.

    Parameters
    ----------
    name
        A folder, or a name that from_pretrained knows.
    adapters
        Whether it may be an adapter beside its base model. Trained on, the base alone would be taken for the reference,
        and a new adapter would take the place of the old one.

    Raises
    ------
    InvalidInput
        If there is none of that name, or it is of another kind.
    """
    try:
        found = AutoModelForCausalLM.from_pretrained(name, dtype="float32")
    except (OSError, ValueError) as error:
        raise InvalidInput(f"expected a causal language model at {name}; {_first_line(error)}") from error
    if not adapters and getattr(found, "peft_config", None):
        raise InvalidInput(
            f"expected a whole model at {name}; it is an adapter: merge it into its base model (merge_and_unload of "
            "peft), save that, and train on it"
        )
    return found


def load_tokenizer(name: str) -> Any:
    """Return a tokenizer that can end an answer and pad a batch.

    Raises
    ------
    InvalidInput
        If there is none, or it has no token for the end.
    """
    try:
        tokenizer = AutoTokenizer.from_pretrained(name)
    except (OSError, ValueError) as error:
        raise InvalidInput(f"expected a tokenizer at {name}; {_first_line(error)}") from error
    if tokenizer.eos_token is None:
        raise InvalidInput(f"the tokenizer of {name} has no token that ends a text; set its eos_token and save it")
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
