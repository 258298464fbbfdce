"""Which files have changed, told a few milliseconds after they were saved.

Folders are watched one by one and not whole trees: so caches, environments and the store are never looked at, and a file
that an editor saves by renaming another one over it is seen. The watch is armed anew when a folder comes or goes; what
changes meanwhile is found by comparing what the files look like.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path

from cerebelum.engine.runtime.own_log import OwnLog

IGNORED_FOLDERS = frozenset(
    {"__pycache__", "__pypackages__", "build", "dist", "htmlcov", "node_modules", "site-packages", "target", "venv"}
)
MOST_FOLDERS = 2_000  # a folder of that many is somebody's home rather than a project
_STEP_MS = 8  # how long nothing more must happen until a change is told
_DEBOUNCE_MS = 40  # how long changes are gathered at most
_EMPTY_WAIT_S = 0.1  # an empty file is most often one that is being written

_log = OwnLog("cerebelum.dev")
_Looks = dict[Path, tuple[int, int, int]]


def is_ignored(path: Path) -> bool:
    """Return whether a file or folder is of no interest by its name alone: caches, environments, hidden ones."""
    return path.name.startswith(".") or path.name in IGNORED_FOLDERS or path.name.endswith((".egg-info", "~"))


def folders_below(folder: Path) -> list[Path]:
    """Return a folder and those below it that may hold flows, `MOST_FOLDERS` at most."""
    found: list[Path] = []
    for name, folders, files in os.walk(folder):
        if "pyvenv.cfg" in files and Path(name) != folder:
            folders.clear()
            continue
        found.append(Path(name))
        if len(found) >= MOST_FOLDERS:
            _log.warning("too many folders: the rest are not watched", folder=str(folder), watched=MOST_FOLDERS)
            break
        folders[:] = sorted(below for below in folders if not is_ignored(Path(below)))
    return found


class Watch:
    """See the module docstring.

    Args:
        folders: the project's folders to watch now; asked again after each change. In one that is new all is news.
        beside: folders of what the project uses; in one that is new nothing has changed yet.
    """

    def __init__(self, folders: Callable[[], Iterable[Path]], beside: Callable[[], Iterable[Path]] = frozenset) -> None:
        self._folders, self._beside = folders, beside
        self._watched: frozenset[Path] = frozenset()
        self._looks: _Looks = {}
        self._news: asyncio.Queue[set[Path]] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def arm(self) -> None:
        """Watch from now on: what has changed since the last time, if there was one, counts as news."""
        project = frozenset(folder for folder in self._folders() if folder.is_dir())
        wanted = project | {folder for folder in self._beside() if folder.is_dir()}
        if wanted == self._watched and self._task is not None and not self._task.done():
            return
        before, self._task = self._task, asyncio.create_task(self._listen(wanted))
        await asyncio.sleep(0)  # by then the system has been asked: whatever is saved from here on is reported
        await _ended(before)
        known, self._watched = self._watched, wanted
        looks = _looks_of(wanted)
        for path, look in looks.items():
            if not known or not (path.parent in known or path.parent in project):
                self._looks.setdefault(path, look)
        changed = {path for path in looks.keys() | self._looks.keys() if looks.get(path) != self._looks.get(path)}
        if changed:
            self._news.put_nowait(changed)

    async def changes(self) -> AsyncIterator[set[Path]]:
        """Yield sets of files that were written, made, renamed or deleted, `arm`ing again where folders changed."""
        while True:
            changed = await self._news.get()
            if any(_is_empty(path) for path in changed):
                await asyncio.sleep(_EMPTY_WAIT_S)
            while not self._news.empty():
                changed |= self._news.get_nowait()
            files = {path for path in changed if self._is_new(path)}
            if files:
                yield files
            await self.arm()

    async def close(self) -> None:
        """Watch no more. Idempotent."""
        task, self._task = self._task, None
        await _ended(task)

    async def _listen(self, folders: frozenset[Path]) -> None:
        from watchfiles import awatch

        polls = False
        while folders:
            try:
                async for found in awatch(
                    *folders, watch_filter=lambda _, name: not is_ignored(Path(name)), debounce=_DEBOUNCE_MS,
                    step=_STEP_MS, recursive=False, force_polling=True if polls else None,
                ):  # fmt: skip
                    self._news.put_nowait({Path(name) for _, name in found})
                return
            except (OSError, FileNotFoundError) as error:
                if polls:
                    raise
                polls = True  # the system has no watches left, or a file system without them
                _log.warning("files are looked at three times a second instead of being watched", reason=str(error))

    def _is_new(self, path: Path) -> bool:
        """Whether a file looks otherwise than when it was last told of; one event often comes as several."""
        look = _look_of(path)
        if look is None:
            return self._looks.pop(path, None) is not None or not path.suffix
        if self._looks.get(path) == look:
            return False
        self._looks[path] = look
        return True


async def _ended(task: asyncio.Task[None] | None) -> None:
    if task is not None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)  # it does not swallow the cancellation of who waits here


def _look_of(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _looks_of(folders: Iterable[Path]) -> _Looks:
    looks: _Looks = {}
    for folder in folders:
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                path = Path(entry.path)
                if not is_ignored(path) and entry.is_file() and (look := _look_of(path)) is not None:
                    looks[path] = look
    return looks


def _is_empty(path: Path) -> bool:
    try:
        return path.is_file() and path.stat().st_size == 0
    except OSError:
        return False
