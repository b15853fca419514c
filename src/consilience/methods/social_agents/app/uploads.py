"""Uploads: an export on its way into somebody's memory. It is read at once, shown, and brought in when they say so.

What was sent lies in a file only while it is read. What was read from it waits in this process, for the one who sent
it, for a while; a restart forgets it.
"""

from __future__ import annotations

import re
import time
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import Final, Protocol, runtime_checkable

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.importers import Export, read
from consilience.methods.social_agents.importers.whatsapp import DateOrder
from consilience.methods.social_agents.importing import Imported, Plan, bring_in, prepare
from consilience.methods.social_agents.records import Person
from consilience.methods.social_agents.store import Store

__all__ = ["MOST_BYTES", "MOST_UNPACKED", "Source", "Upload", "Uploads"]

MOST_BYTES: Final = 16 * 2**20
"""Bytes of a file that is sent."""
MOST_UNPACKED: Final = 64 * 2**20
"""Bytes of what an archive holds."""
WAITS_S: Final = 1_800.0
"""How long an export waits for its sender's word."""
MOST_WAITING: Final = 8
"""Exports that wait at once; for another the oldest is let go."""
_BLOCK = 2**16


@runtime_checkable
class Source(Protocol):
    """Something that bytes are read from."""

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, none at the end."""


@dataclass(frozen=True, slots=True)
class Upload:
    """An export that was read and waits."""

    name: str
    """Of the file, without what does not belong into a name."""
    export: Export
    at: float
    """When it came, by the clock of `Uploads`."""


class Uploads:
    """Exports that wait for the word of who sent them, one for each.

    Parameters
    ----------
    store
        Where they are brought into.
    clock
        Gives seconds.
    """

    def __init__(self, store: Store, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._waiting: dict[int, Upload] = {}
        self._lock = Lock()

    def put(
        self,
        sender: Person,
        file: Source,
        name: str,
        *,
        zone: str = "UTC",
        title: str = "",
        dates: DateOrder = "auto",
    ) -> Upload:
        """Read what was sent, and let it wait in place of what the sender had sent before.

        Raises
        ------
        InvalidInput
            When it is empty, too large, or no export that can be read.
        """
        self.drop(sender)
        called = _name(name)
        with TemporaryDirectory(prefix="upload-") as folder:
            path = Path(folder) / called
            _copy(file, path)
            _require_small(path)
            export = read(path, zone=zone, title=title, dates=dates)
        upload = Upload(called, export, self._clock())
        with self._lock:
            self._tidy()
            while len(self._waiting) >= MOST_WAITING:
                del self._waiting[next(iter(self._waiting))]
            self._waiting[sender.id] = upload
        return upload

    def of(self, sender: Person) -> Upload | None:
        """Return what waits for somebody's word; None where nothing does."""
        with self._lock:
            self._tidy()
            return self._waiting.get(sender.id)

    def drop(self, sender: Person) -> None:
        """Let go of what somebody sent."""
        with self._lock:
            self._waiting.pop(sender.id, None)

    def plan(self, sender: Person, upload: Upload, *, me: str = "", merge: Mapping[str, str] | None = None) -> Plan:
        """Return what bringing it in would do; it changes nothing, and does not tell who else there is.

        Raises
        ------
        InvalidInput, UnknownName
            When somebody is said to be who they cannot be.
        """
        return prepare(self._store, upload.export, sender, me=me, merge=merge, discreet=True)

    def bring_in(self, sender: Person, plan: Plan) -> Imported:
        """Bring it into the memory of who sent it, and nobody else's.

        Raises
        ------
        InvalidInput
            When the plan is somebody else's.
        StoreLocked, StoreUnavailable
            When nothing can be written now; it waits on, and doing it again brings the rest.
        """
        if plan.owner.id != sender.id or plan.shared_with:
            raise InvalidInput("an upload comes into the memory of who sent it, and no other")
        done = bring_in(self._store, plan)
        self.drop(sender)
        return done

    def _tidy(self) -> None:
        old = [number for number, one in self._waiting.items() if self._clock() - one.at > WAITS_S]
        for number in old:
            del self._waiting[number]


def _name(given: str) -> str:
    r"""Return a name that is one.

    Examples
    --------
    >>> _name("../../WhatsApp Chat with Bea.txt"), _name("C:\\x\\mail.mbox"), _name("")
    ('WhatsApp Chat with Bea.txt', 'mail.mbox', 'export')
    """
    last = re.split(r"[/\\]", given)[-1]
    return re.sub(r"[^\w .()-]", "_", last).strip(" .")[-100:] or "export"


def _copy(file: Source, path: Path) -> None:
    size = 0
    with path.open("wb") as out:
        while block := file.read(_BLOCK):
            size += len(block)
            if size > MOST_BYTES:
                raise InvalidInput(
                    f"a file has at most {MOST_BYTES // 2**20} MiB here; split it, or use the command line"
                )
            out.write(block)
    if not size:
        raise InvalidInput("choose a file that has something in it; what came is empty")


def _require_small(path: Path) -> None:
    """Refuse an archive that says it holds more than is taken: more than it says is never unpacked."""
    if not zipfile.is_zipfile(path):
        return
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(one.file_size for one in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise InvalidInput(f"{path.name} must be a whole zip file; {error}: copy or export it again") from error
    if size > MOST_UNPACKED:
        raise InvalidInput(f"an archive holds at most {MOST_UNPACKED // 2**20} MiB here; {path.name}: {size:,} bytes")
