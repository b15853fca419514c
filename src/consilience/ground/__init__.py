"""Bedrock of the house: errors, seeds, configurations, run folders, claims and reports.

Everything here is independent of any method and free of torch. The names load when they are first used, so that the
command line can raise a `ConsilienceError` without paying for pydantic and numpy; the modules `config`, `folder`,
`ledger` and `progress` are reached the same way, as in ``ground.ledger.collect``.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from consilience.ground import config as config
    from consilience.ground import folder as folder
    from consilience.ground import ledger as ledger
    from consilience.ground import progress as progress
    from consilience.ground.claims import Claim, Evidence, Figure, Measurement, Report, Statement, Table
    from consilience.ground.config import STRICT, Count
    from consilience.ground.errors import ConsilienceError, InvalidInput, MissingDependency, UnknownName
    from consilience.ground.folder import RunFolder
    from consilience.ground.laboratory import conduct, late_studies, measure_claims
    from consilience.ground.seeds import Streams

_MODULES = ("config", "folder", "ledger", "progress")

_HOMES = {
    "STRICT": "config",
    "Claim": "claims",
    "ConsilienceError": "errors",
    "Count": "config",
    "Evidence": "claims",
    "Figure": "claims",
    "InvalidInput": "errors",
    "Measurement": "claims",
    "MissingDependency": "errors",
    "Report": "claims",
    "RunFolder": "folder",
    "Statement": "claims",
    "Streams": "seeds",
    "Table": "claims",
    "UnknownName": "errors",
    "conduct": "laboratory",
    "late_studies": "laboratory",
    "measure_claims": "laboratory",
}

__all__ = [
    "STRICT",
    "Claim",
    "ConsilienceError",
    "Count",
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
    "late_studies",
    "measure_claims",
]


def __getattr__(name: str) -> Any:
    """Load a public name, or one of the modules, when it is first asked for."""
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted([*__all__, *_MODULES])
