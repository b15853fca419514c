"""Kinds of tasks: what an answer looks like, how a reply is read as one, and how good it is."""

from consilience.dialogue.work.kinds.choice import Choice
from consilience.dialogue.work.kinds.function import Function
from consilience.dialogue.work.kinds.repository import Repository
from consilience.dialogue.work.kinds.text import Text

__all__ = ["Choice", "Function", "Repository", "Text"]
