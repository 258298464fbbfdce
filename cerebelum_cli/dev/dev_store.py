"""The store of `cerebelum dev`: what is in it, and `--fresh`, which puts the old one aside."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cerebelum.engine.domain.errors import CerebelumError
from cerebelum.engine.domain.execution import OPEN
from cerebelum.engine.ports.store import ExecutionFilter
from cerebelum.engine.runtime.presence import certainly_dead
from cerebelum_cli.errors import StoreInUse, UsageProblem
from cerebelum_cli.settings import DEFAULT_STORE, url_of

if TYPE_CHECKING:
    from cerebelum.engine.application.engine import Engine

ASIDE = ".cerebelum/dev.old.db"
_ENDINGS = ("", "-wal", "-shm")
_MOST_OPEN = 1_000


async def put_aside(url: str) -> str:
    """Move the dev store out of the way, in place of what was put aside before; return what was done, for one line.

    Raises:
        UsageProblem: the store is another than the dev store: that one is never touched.
        StoreInUse: a node works on it.
    """
    if url != url_of(DEFAULT_STORE):
        raise UsageProblem(
            f"--fresh puts {DEFAULT_STORE} aside, and no other store; this one was chosen by --store or a setting",
            help_="cerebelum dev --fresh --store .cerebelum/dev.db",
        )
    if not _move(dry_run=True):
        return f"there was no {DEFAULT_STORE} yet"
    found = await _contents(url)
    _move()
    return f"{found} put aside as {ASIDE}"


def _move(*, dry_run: bool = False) -> bool:
    path = Path(DEFAULT_STORE)
    if dry_run or not path.exists():
        return path.exists()
    for ending in _ENDINGS:
        Path(f"{ASIDE}{ending}").unlink(missing_ok=True)
        part = Path(f"{path}{ending}")
        if part.exists():
            part.rename(f"{ASIDE}{ending}")
    return True


async def _contents(url: str) -> str:
    from cerebelum_cli.composition import reading_store

    try:
        async with reading_store(url) as store:
            now_us = await store.now_us()
            alive = [n for n in await store.nodes() if n.lease_until_us > now_us and not certainly_dead(n)]
            counts = await store.count_executions()
    except StoreInUse:
        raise
    except CerebelumError as error:  # damaged, or of another version: a reason to begin anew
        return f"what could not be read ({error.code})"
    if alive:
        raise StoreInUse(DEFAULT_STORE, nodes=len(alive))
    still_open = sum(count for status, count in counts.items() if status in OPEN)
    return f"{counted(sum(counts.values()), 'execution')}, {still_open} of them open,"


async def contents(engine: Engine) -> tuple[int, int, dict[str, int]]:
    """Return how many executions there are, how many go on here, and how many of which workflow wait for their code."""
    counts = await engine.store.count_executions()
    here, elsewhere = 0, dict[str, int]()
    if any(counts.get(status) for status in OPEN):
        names = set(engine.registry.names())
        for row in await engine.store.list_executions(ExecutionFilter(statuses=OPEN, limit=_MOST_OPEN)):
            if row.workflow in names:
                here += 1
            else:
                elsewhere[row.workflow] = elsewhere.get(row.workflow, 0) + 1
    return sum(counts.values()), here, elsewhere


def counted(number: int, noun: str) -> str:
    """Return `1 execution`, `2 executions`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
