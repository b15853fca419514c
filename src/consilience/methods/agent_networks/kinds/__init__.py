"""Kinds of tasks: what an answer looks like, how a reply is read as one, and how good it is."""

from consilience.methods.agent_networks.kinds.choice import Choice
from consilience.methods.agent_networks.kinds.function import Function
from consilience.methods.agent_networks.kinds.repository import Repository
from consilience.methods.agent_networks.kinds.text import Text

__all__ = ["Choice", "Function", "Repository", "Text"]
