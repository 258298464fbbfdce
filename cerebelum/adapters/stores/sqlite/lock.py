"""The OS file lock under which every write transaction and every checkpoint of any process runs (R7).

SQLite 3.7.0 to 3.51.2 can corrupt a WAL when two connections write and reset it at once, and Python often ships such a
version; so SQLite's own locks are not enough. The lock file `<database>-lock` also counts the commits of all
processes, which lets each of them tell the others' writes from its own.
"""

from __future__ import annotations

import mmap
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cerebelum.adapters.stores.sqlite.errors import locked, read_only

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_POLLS_S = (0.0002, 0.0005, 0.001, 0.002, 0.005)  # soon at first: most holders are done within a commit
_COUNT_BYTES = 8
_LOCKED_BYTE = 1 << 30  # Windows locks keep others from reading, so they lie beyond the count


class FileLock:
    """An exclusive lock on `path`, held by one `FileLock` of one process at a time. Not for several threads at once.

    Args:
        path: the lock file; made with mode 0600 when missing.
        name: the store's, for messages.
        wait_s: how long `held` waits, in seconds, > 0.

    Raises:
        StoreReadOnly: the lock file cannot be made or written.
    """

    def __init__(self, path: Path, *, name: str, wait_s: float) -> None:
        self.wait_s = wait_s
        self._name = name
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
        except OSError as error:
            raise read_only(name, f"its lock file {path}: {error.strerror}") from error
        if os.fstat(self._file).st_size < _COUNT_BYTES:
            os.ftruncate(self._file, _COUNT_BYTES)
        self._count = mmap.mmap(self._file, _COUNT_BYTES)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock.

        Raises:
            StoreLocked: another process held it for longer than `wait_s`.
        """
        if not self._try():
            self._wait()
        try:
            yield
        finally:
            self._release()

    def count(self) -> int:
        """Return how many commits all processes made since the lock file was made. Needs no lock; a hint."""
        return int.from_bytes(self._count[:], "little")

    def raise_count(self) -> None:
        """Count one commit. Only while the lock is held."""
        self._count[:] = (self.count() + 1).to_bytes(_COUNT_BYTES, "little")

    def close(self) -> None:
        """Close the file; a held lock is released with it."""
        if self._file >= 0:
            self._count.close()
            os.close(self._file)
            self._file = -1

    def _wait(self) -> None:
        deadline_s = time.monotonic() + self.wait_s
        polls = 0
        while not self._try():
            if time.monotonic() >= deadline_s:
                raise locked(self._name, self.wait_s)
            time.sleep(_POLLS_S[min(polls // 20, len(_POLLS_S) - 1)])
            polls += 1

    if sys.platform == "win32":

        def _try(self) -> bool:
            os.lseek(self._file, _LOCKED_BYTE, os.SEEK_SET)
            try:
                msvcrt.locking(self._file, msvcrt.LK_NBLCK, 1)
            except OSError:
                return False
            return True

        def _release(self) -> None:
            os.lseek(self._file, _LOCKED_BYTE, os.SEEK_SET)
            msvcrt.locking(self._file, msvcrt.LK_UNLCK, 1)

    else:

        def _try(self) -> bool:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

        def _release(self) -> None:
            fcntl.flock(self._file, fcntl.LOCK_UN)
