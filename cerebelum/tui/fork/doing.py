"""Asks the use case of forking: here for the code that ran, in a process of its own for the code on disk."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

from msgspec import Struct

from cerebelum.engine.application import forking
from cerebelum.engine.application.disk_code import DiskFailed, DiskFork, DiskForked
from cerebelum.engine.application.engine import Engine
from cerebelum.engine.application.forking import ForkRequest
from cerebelum.engine.domain.editing import Edit
from cerebelum.engine.domain.errors import CerebelumError
from cerebelum.engine.domain.forking import ForkPlan

if TYPE_CHECKING:
    from cerebelum.tui.app import CerebelumApp


class Wanted(Struct, frozen=True):
    """What was typed."""

    execution_id: str
    at: int | str
    edits: tuple[Edit, ...]
    on_disk: bool

    @property
    def request(self) -> ForkRequest:
        """As the use case takes it."""
        return ForkRequest(at=self.at, edits=self.edits)


async def planned(app: CerebelumApp, wanted: Wanted) -> ForkPlan | None:
    """Return what a fork would do; None where the store does not answer.

    Raises:
        CerebelumError: it cannot be done.
    """
    if wanted.on_disk:
        return (await _ask_disk(app, wanted, write=False)).plan

    async def work(engine: Engine) -> ForkPlan:
        return (await forking.prepare_fork(engine, wanted.execution_id, wanted.request)).plan

    return await app.read(work)


async def written(app: CerebelumApp, engine: Engine, wanted: Wanted) -> str:
    """Fork, and return the fork's id.

    Raises:
        CerebelumError: it cannot be done; nothing was written.
    """
    if wanted.on_disk:
        return (await _ask_disk(app, wanted, write=True)).execution_id
    return (await forking.fork(engine, wanted.execution_id, wanted.request)).execution_id


async def _ask_disk(app: CerebelumApp, wanted: Wanted, *, write: bool) -> DiskForked:
    disk = app.disk
    if disk is None:
        raise CerebelumError("the code on disk cannot be used from here")
    question = DiskFork(disk.store_url, wanted.execution_id, wanted.at, wanted.edits, write=write)
    try:
        async with aclosing(disk.ask(question)) as answers:
            async for answer in answers:
                if isinstance(answer, DiskForked):
                    return answer
                if isinstance(answer, DiskFailed):
                    raise CerebelumError(answer.text)
    except OSError as error:
        raise CerebelumError(f"no process could be started to run the code: {error}") from error
    raise CerebelumError("the process that ran the code said nothing")
