"""How much of the WAL is still to be copied, read from the header of its index (`<database>-shm`).

The WAL file's own size does not tell: a copied WAL is written again from its beginning, which is faster than cutting it,
because the file's length then need not be synced each time. Format: https://www.sqlite.org/walformat.html, 2.1.
"""

from __future__ import annotations

import sys
from pathlib import Path

_LAST_FRAME = slice(16, 20)  # number of valid frames
_COPIED = slice(96, 100)  # of them, copied into the database
_HEADER_BYTES = 100


class WalProgress:
    """Tells when a checkpoint is worth its while, also if the last one could not finish because of a reader."""

    def __init__(self, database: Path) -> None:
        self._index = Path(f"{database}-shm")
        self._noted = 0  # frames left after the last checkpoint

    def is_long(self, most_frames: int) -> bool:
        """Return whether more than `most_frames` frames came since the last checkpoint."""
        left = self._left()
        self._noted = min(self._noted, left)
        return left > self._noted + most_frames

    def note(self) -> None:
        """Call after a checkpoint."""
        self._noted = self._left()

    def _left(self) -> int:
        try:
            with self._index.open("rb", buffering=0) as file:
                header = file.read(_HEADER_BYTES)
        except OSError:
            return 0
        return int.from_bytes(header[_LAST_FRAME], sys.byteorder) - int.from_bytes(header[_COPIED], sys.byteorder)
