"""Tells when one of some files is saved. Their folders are watched, so that an editor which renames a new file over it is seen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection
from contextlib import aclosing
from pathlib import Path

_STEP_MS = 20  # how long nothing more must happen until a save is told
_DEBOUNCE_MS = 100  # how long saves are gathered at most
_AGAIN_S = 0.5  # after the folders went away


async def saves(
    files: Callable[[], Collection[Path]], *, tell_armed: Callable[[frozenset[Path]], None]
) -> AsyncGenerator[None, None]:
    """Yield once for each save.

    Args:
        files: those that count, absolute; asked again now and then.
        tell_armed: called with the files once they are watched; perhaps again and again.
    """
    while wanted := frozenset(files()):
        async with aclosing(_changes(wanted, tell_armed)) as changes:
            async for is_saved in changes:
                if is_saved:
                    yield
                if frozenset(files()) != wanted:
                    break
            else:
                await asyncio.sleep(_AGAIN_S)


async def _changes(
    wanted: frozenset[Path], tell_armed: Callable[[frozenset[Path]], None]
) -> AsyncGenerator[bool, None]:
    """Yield True for a save, and False now and then where there is none."""
    from watchfiles import awatch

    folders = {file.parent for file in wanted if file.parent.is_dir()}
    names = {str(file) for file in wanted}
    polls: bool | None = None
    while folders:
        try:
            watch = awatch(
                *folders, watch_filter=lambda _, name: name in names, step=_STEP_MS, debounce=_DEBOUNCE_MS,
                recursive=False, force_polling=polls, yield_on_timeout=True, rust_timeout=_DEBOUNCE_MS,
            )  # fmt: skip
            async for found in watch:
                tell_armed(wanted)  # the first time-out: by then the system has been asked
                yield bool(found)
            return
        except OSError:
            if polls:
                return
            polls = True  # the system has no watches left, or it is a file system without them
