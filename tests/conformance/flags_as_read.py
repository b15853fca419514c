"""Flags read by the parser of transformers, which leaves its mark on the classes whose flags it reads."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from transformers import HfArgumentParser


def read_flags(kind: type, words: Sequence[str]) -> Any:
    """Return arguments as `HfArgumentParser` reads them, and put the types of their fields back.

    The parser writes into each field the one type that it parses: a scheduler where a name would do as well. Fields are
    shared with the classes that the arguments inherit from, so that arguments of another room, whose class is made
    later, would be held to that.
    """
    told = [(field, field.type) for field in fields(kind)]
    try:
        return HfArgumentParser(kind).parse_args(list(words))
    finally:
        for field, type_ in told:
            field.type = type_
