"""Files of networks: YAML, DOT and GraphML, told apart by their suffix."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from consilience.ground.errors import InvalidInput, UnknownName
from consilience.ground.folder import write_whole
from consilience.methods.agent_networks.blueprint import Blueprint
from consilience.methods.agent_networks.dot_format import from_dot, to_dot
from consilience.methods.agent_networks.graph import Cycle
from consilience.methods.agent_networks.graphml_format import from_graphml, to_graphml
from consilience.methods.agent_networks.yaml_format import from_yaml, to_yaml

__all__ = ["FORMATS", "Format", "read", "write"]


class Format(NamedTuple):
    """How a network is read from a text, and written as one."""

    read: Callable[[str], Blueprint]
    write: Callable[[Blueprint], str]


_YAML, _DOT = Format(from_yaml, to_yaml), Format(from_dot, to_dot)
FORMATS: MappingProxyType[str, Format] = MappingProxyType(
    {".yaml": _YAML, ".yml": _YAML, ".dot": _DOT, ".gv": _DOT, ".graphml": Format(from_graphml, to_graphml)}
)
"""Every format by its suffix."""


def read(path: Path | str) -> Blueprint:
    """Read a network from a file.

    Raises
    ------
    InvalidInput
        With the file and, where it is known, the line: when it cannot be read or holds no network.
    UnknownName
        For a suffix that is not there.
    """
    form = _form(path)
    try:
        return form.read(Path(path).read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InvalidInput(f"{path} must be a readable file; {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path} must be text in UTF-8; {error}.") from error
    except Cycle as error:
        raise Cycle(error.path, f"{path}: ") from error
    except InvalidInput as error:
        raise InvalidInput(f"{path}: {error}") from error


def write(blueprint: Blueprint, path: Path | str) -> Path:
    """Write a network to a file, which appears whole or not at all.

    Raises
    ------
    UnknownName
        For a suffix that is not there.
    """
    return write_whole(path, _form(path).write(blueprint))


def _form(path: Path | str) -> Format:
    suffix = Path(path).suffix.lower()
    if suffix not in FORMATS:
        raise UnknownName("format of a network", suffix, FORMATS)
    return FORMATS[suffix]
