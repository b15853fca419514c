"""What a run must remember to go on where it was cut off: tensors and a cursor in one file, whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from consilience.ground.errors import InvalidInput
from consilience.ground.folder import write_whole

__all__ = ["read_state", "write_state"]

CURSOR = "cursor"


def write_state(path: Path, tensors: Mapping[str, Tensor], cursor: Mapping[str, Any]) -> None:
    """Write tensors with a cursor, in one file that appears whole."""
    # Cloned: tensors that share memory, as tied weights do, are refused.
    held = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    write_whole(path, save(held, metadata={CURSOR: json.dumps(dict(cursor), sort_keys=True)}))


def read_state(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """Return the tensors and the cursor of a file, or None if there is none.

    Raises
    ------
    InvalidInput
        If the file is not one that `write_state` wrote.
    """
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
            cursor = json.loads(file.metadata()[CURSOR])
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise InvalidInput(
            f"expected the state of a run in {path}; got something else. Remove it to begin anew."
        ) from error
    return tensors, cursor
