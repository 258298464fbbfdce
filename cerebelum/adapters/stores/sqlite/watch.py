"""Notice what other processes write, within 50 ms and without reading a table."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from cerebelum.adapters.stores.sqlite.connections import connect_reader
from cerebelum.adapters.stores.sqlite.lock import FileLock
from cerebelum.adapters.stores.sqlite.writer import Writer

POLL_S = 0.025


class _Seen(NamedTuple):
    data_version: int  # of the file, as this connection sees it: changes with every commit of any other connection
    own: int  # commits of this store's writer
    foreign: int  # commits of all others that use the lock file


class Watcher:
    """Tells the commits of others from our own: `PRAGMA data_version` alone also sees our writer's."""

    def __init__(self, path: Path, name: str, writer: Writer) -> None:
        self._writer = writer
        self._lock = FileLock(Path(f"{path}-lock"), name=name, wait_s=0)  # never held: only its count is read
        self._connection = connect_reader(path)
        self._seen = self._look()

    def _look(self) -> _Seen:
        own = self._writer.commits
        version = self._connection.execute("PRAGMA data_version").fetchone()[0]
        return _Seen(version, own, self._lock.count() - own)

    def changed(self) -> bool:
        """Return whether others may have written since the last call."""
        before, self._seen = self._seen, self._look()
        if self._seen.data_version == before.data_version:
            return False
        # a program without our lock file, such as the sqlite3 shell, shows when we ourselves wrote nothing
        return self._seen.foreign != before.foreign or self._seen.own == before.own

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
        self._lock.close()
