"""Bedrock of the house: errors, seeds, configurations, run folders, claims and reports.

Everything here is independent of any method and free of torch. Rooms build on these names; the ledger over all rooms
and the display of progress live in `consilience.ground.ledger` and `consilience.ground.progress`.
"""

from consilience.ground.claims import Claim, Evidence, Figure, Measurement, Report, Statement, Table
from consilience.ground.config import STRICT
from consilience.ground.errors import ConsilienceError, InvalidInput, MissingDependency, UnknownName
from consilience.ground.folder import RunFolder
from consilience.ground.laboratory import conduct
from consilience.ground.seeds import Streams

__all__ = [
    "STRICT",
    "Claim",
    "ConsilienceError",
    "Evidence",
    "Figure",
    "InvalidInput",
    "Measurement",
    "MissingDependency",
    "Report",
    "RunFolder",
    "Statement",
    "Streams",
    "Table",
    "UnknownName",
    "conduct",
]
