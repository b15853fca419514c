"""How types and shapes are checked while the tests run: beartype, taking an integer where a float is asked for.

A function that speaks of shapes is left to jaxtyping, which remembers what every axis of a call is called. That costs
some ten microseconds a call, and three in four functions have no shape in their signature: beartype alone checks these,
in less than one. A function within a function is made anew in every call of the outer one, and decorated anew: what is
checked is worked out the first time.
"""

import functools
import inspect
from collections.abc import Callable
from dataclasses import is_dataclass
from types import CellType, CodeType, FunctionType
from typing import Any, get_args, get_type_hints

import jaxtyping
from beartype import BeartypeConf, beartype
from beartype.roar import BeartypeException

checked = beartype(conf=BeartypeConf(is_pep484_tower=True))
_types_alone = beartype(conf=BeartypeConf(is_pep484_tower=True, violation_type=jaxtyping.TypeCheckError))
_with_shapes = jaxtyping.jaxtyped

_met: dict[tuple[CodeType, Any], tuple[Any, Any]] = {}
"""A blank of each function within a function, and the same with its checks: by its code, and by what checks it."""
_DEPTH = 3
"""How many functions lie one within the other in what jaxtyping makes of a function."""


def install(package: str) -> None:
    """Check every function and dataclass of `package` from its import on."""
    jaxtyping.jaxtyped = jaxtyped
    jaxtyping.install_import_hook(package, "shape_checks.checked")


def jaxtyped(what: Any = None, *, typechecker: Any = None) -> Any:
    """Stand for the decorator of jaxtyping, which the import hook writes before functions and classes."""
    if what is None:
        return functools.partial(jaxtyped, typechecker=typechecker)
    if inspect.isclass(what):
        if is_dataclass(what) and not hasattr(what.__init__, "types_alone"):
            what.__init__ = jaxtyped(what.__init__, typechecker=typechecker)
        return what
    if not (inspect.isfunction(what) and "<locals>" in what.__qualname__):
        return _quick(what) or _with_shapes(what, typechecker=typechecker)
    key = what.__code__, typechecker
    if key not in _met:
        blank = _without_closure(what)
        _met[key] = blank, _quick(blank) or _with_shapes(blank, typechecker=typechecker)
    blank, watched = _met[key]
    return _instead(watched, blank, what)


def _without_closure(function: FunctionType) -> FunctionType:
    """Return a function of the same code and signature that keeps nothing alive and cannot be called."""
    cells = tuple(CellType() for _ in function.__closure__ or ())
    blank = FunctionType(function.__code__, function.__globals__, function.__name__, function.__defaults__, cells)
    blank.__kwdefaults__ = function.__kwdefaults__
    functools.update_wrapper(blank, function, updated=())
    del blank.__wrapped__  # type: ignore[attr-defined]
    return blank


def _instead(watched: Any, blank: Any, function: Any, depth: int = _DEPTH) -> Any:
    """Return what watches a blank, made to watch a function: it reaches the one by its closure or by a default."""
    if watched is blank:
        return function
    if not (isinstance(watched, FunctionType) and depth):
        return watched
    cells = watched.__closure__ or ()
    closure = [_instead(cell.cell_contents, blank, function, depth - 1) for cell in cells]
    defaults = {
        name: _instead(value, blank, function, depth - 1) for name, value in (watched.__kwdefaults__ or {}).items()
    }
    before = [*(cell.cell_contents for cell in cells), *(watched.__kwdefaults__ or {}).values()]
    if all(new is old for new, old in zip([*closure, *defaults.values()], before, strict=True)):
        return watched
    copy = FunctionType(
        watched.__code__, watched.__globals__, watched.__name__, watched.__defaults__, tuple(map(CellType, closure))
    )
    copy.__kwdefaults__ = defaults
    return functools.update_wrapper(copy, function, updated=()) if hasattr(watched, "__wrapped__") else copy


def _quick(function: Any) -> Callable[..., Any] | None:
    """Check types alone, or return None where that is not enough."""
    if not inspect.isfunction(function) or inspect.isgeneratorfunction(function):
        return None
    strict = _strict(function)
    if strict is None:
        return None

    @functools.wraps(function)
    def types_alone(*args: Any, **kwargs: Any) -> Any:
        return (function if jaxtyping.config.jaxtyping_disable else strict)(*args, **kwargs)

    types_alone.types_alone = True  # type: ignore[attr-defined]
    return types_alone


def _strict(function: FunctionType) -> FunctionType | None:
    told = function.__annotations__
    hints = {name: _resolved(hint, function.__globals__) for name, hint in told.items()}
    if any(map(_speaks_of_shapes, hints.values())):
        return None
    function.__annotations__ = hints
    try:
        return _types_alone(function)  # type: ignore[no-any-return]
    except BeartypeException:
        return None
    finally:
        function.__annotations__ = told


def _resolved(hint: Any, names: dict[str, Any]) -> Any:
    """Return what an annotation means, or Any where that cannot be told yet, as jaxtyping does."""

    def stand_in(value: Any) -> None:
        del value

    stand_in.__annotations__ = {"value": hint}
    try:
        return get_type_hints(stand_in, names, include_extras=True)["value"]
    except Exception:  # noqa: BLE001  names that are only there for type checkers, or not yet
        return Any


def _speaks_of_shapes(hint: Any) -> bool:
    if inspect.isclass(hint) and not get_args(hint):
        return issubclass(hint, jaxtyping.AbstractArray)
    parts = hint if isinstance(hint, list) else get_args(hint)
    return any(map(_speaks_of_shapes, parts))
