"""Profiles: who the agents are, in a sentence or two each; written for this house and kept as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from zlib import crc32

from consilience.ground.config import parse_toml
from consilience.ground.errors import InvalidInput

__all__ = ["Profiles", "profiles_at", "standard_profiles"]

_STANDARD = Path(__file__).with_name("profiles.toml")


@dataclass(frozen=True)
class Profiles:
    """Who may sit on nodes and on edges.

    An agent's profile belongs to the seed of the run and its own name, so it is the same whatever happens around it.

    Parameters
    ----------
    actors
        Those who write.
    critics
        Those who comment.
    roles
        Who somebody is by name, a node or an edge: instead of whom the seed would choose.

    Examples
    --------
    >>> Profiles(("You write.",), ("You read.",)).critic(0, "3->7")
    'You read.'
    """

    actors: tuple[str, ...]
    critics: tuple[str, ...]
    roles: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for which, profiles in (("actors", self.actors), ("critics", self.critics)):
            if not profiles or not all(map(_says_something, profiles)):
                raise InvalidInput(f"`{which}` must be texts that say who an agent is, at least one; got {profiles!r}")

    def actor(self, seed: int, node: str) -> str:
        """Return who sits on a node."""
        return self.roles.get(node) or self.actors[_drawn(seed, node, len(self.actors))]

    def critic(self, seed: int, edge: str) -> str:
        """Return who sits on an edge."""
        return self.roles.get(edge) or self.critics[_drawn(seed, edge, len(self.critics))]


def _drawn(seed: int, name: str, count: int) -> int:
    return crc32(f"{seed}/{name}".encode("utf-8", "surrogatepass")) % count


def _says_something(profile: object) -> bool:
    return isinstance(profile, str) and bool(profile.strip())


def profiles_at(path: Path) -> Profiles:
    """Read profiles from a TOML file with two lists of texts, ``actors`` and ``critics``.

    Raises
    ------
    InvalidInput
        When the file cannot be read or holds anything else.
    """
    try:
        found = parse_toml(path.read_text(encoding="utf-8"), str(path))
    except OSError as error:
        raise InvalidInput(f"{path} must be a readable file of profiles; {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path} must be TOML in UTF-8; {error}") from error
    if set(found) != {"actors", "critics"} or not all(isinstance(texts, list) for texts in found.values()):
        got = ", ".join(sorted(found)) or "nothing"
        raise InvalidInput(f"{path} must hold two lists of texts, `actors` and `critics`; got {got}")
    return Profiles(tuple(found["actors"]), tuple(found["critics"]))


@cache
def standard_profiles() -> Profiles:
    """Return the profiles that come with the room: forty actors and forty critics, of no trade in particular."""
    return profiles_at(_STANDARD)
