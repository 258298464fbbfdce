"""How long the WAL is.

Asked of the file system only. Its index (`<database>-shm`) would tell more, but must never be opened here: closing it
would drop SQLite's own POSIX locks of this whole process (https://www.sqlite.org/howtocorrupt.html, 2.2). The same holds
for the database file.
"""

from __future__ import annotations

from pathlib import Path


class WalProgress:
    """Tells when a checkpoint is worth its while, also if the last one could not finish because of a reader."""

    def __init__(self, database: Path) -> None:
        self._wal = Path(f"{database}-wal")
        self._noted_bytes = 0  # left after the last checkpoint

    def is_long(self, most_bytes: int) -> bool:
        """Return whether more than `most_bytes` came since the last checkpoint."""
        left = self._left_bytes()
        self._noted_bytes = min(self._noted_bytes, left)
        return left > self._noted_bytes + most_bytes

    def note(self) -> None:
        """Call after a checkpoint."""
        self._noted_bytes = self._left_bytes()

    def _left_bytes(self) -> int:
        try:
            return self._wal.stat().st_size
        except OSError:
            return 0
