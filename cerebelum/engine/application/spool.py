"""Records in order, in memory while they are few, on disk when they are many. Anyone may read while one writes."""

from __future__ import annotations

import tempfile
import threading
from array import array
from io import BytesIO
from itertools import pairwise
from typing import IO

MEMORY_BYTES = 16 << 20  # what a spool holds before it goes to a temporary file


class Spool:
    """Append-only; records are found by their number, from 0. The file has no name and goes with the object."""

    def __init__(self, *, memory_bytes: int = MEMORY_BYTES) -> None:
        self._file: IO[bytes] = BytesIO()
        self._memory_bytes, self._is_on_disk = memory_bytes, False
        self._ends = array("Q", (0,))
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __del__(self) -> None:
        self._file.close()

    @property
    def size_bytes(self) -> int:
        """All records together."""
        return self._ends[-1]

    def append(self, record: bytes) -> None:
        """Add a record behind the others."""
        with self._lock:
            end = self._ends[-1] + len(record)
            if end > self._memory_bytes and not self._is_on_disk:
                self._move_to_disk()
            self._file.seek(self._ends[-1])
            self._file.write(record)
            self._ends.append(end)

    def read(self, number: int, count: int = 1) -> list[bytes]:
        """Return `count` records from `number` on, fewer at the end."""
        with self._lock:
            ends = self._ends[number : number + count + 1]
            self._file.seek(ends[0])
            data = memoryview(self._file.read(ends[-1] - ends[0]))
        first = ends[0]
        return [bytes(data[begin - first : end - first]) for begin, end in pairwise(ends)]

    def close(self) -> None:
        """Let go of memory and file. Idempotent."""
        with self._lock:
            self._file.close()

    def _move_to_disk(self) -> None:
        file = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the spool
        self._file.seek(0)
        while part := self._file.read(1 << 20):
            file.write(part)
        self._file.close()
        self._file, self._is_on_disk = file, True
