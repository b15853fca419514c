"""Importers: exports of other programs, each read into the same form, whole or cut off.

`read` finds out which program wrote a file; each module has a `read` of its own for one of them.
"""

from consilience.methods.social_agents.importers.export import Author, Export, Form, Said, Skipped, Thread
from consilience.methods.social_agents.importers.reading import read, sniff

__all__ = ["Author", "Export", "Form", "Said", "Skipped", "Thread", "read", "sniff"]
