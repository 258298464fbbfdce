"""The pool: SQLAlchemy's, with our statements run on the driver's connection beneath it.

Rules (R12): each piece of work runs in a task of its own, so that a cancelled caller neither breaks a statement off nor
leaks its connection. Our statements are single ones, each its own transaction: none is begun by SQLAlchemy.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, Final, TypeVar

from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from cerebelum.adapters.stores.postgres.connection import COMMAND_S, PLANNER, Driver, connect
from cerebelum.adapters.stores.postgres.errors import TRY_AGAIN, is_lost, state_of, translate
from cerebelum.adapters.stores.postgres.url import Address
from cerebelum.engine.domain.errors_store import StoreError

T = TypeVar("T")

TRIES: Final = 5  # of a transaction that met another one
_JITTER_S: Final = 0.01
_SIZE: Final = 4
_OVERFLOW: Final = 4


async def pause_before_retry(attempt: int) -> None:
    """Wait a random time, so that two transactions that met do not meet again. `attempt`: 1 after the first."""
    await asyncio.sleep(random.uniform(0, _JITTER_S * 2**attempt))  # noqa: S311 no secret


def make_engine(
    address: Address, *, settings: Mapping[str, str] | None = None, command_s: float = COMMAND_S, **options: Any
) -> AsyncEngine:
    """Return an engine of SQLAlchemy's over connections of ours: only the driver knows what all of a URL's options mean.

    Args:
        settings: of each session.
        command_s: for how long one statement may take.
        options: of SQLAlchemy, such as the kind and size of its pool.
    """

    async def create(**_: Any) -> Driver:
        return await connect(address, settings=settings, command_s=command_s)

    arguments: dict[str, Any] = {"async_creator_fn": create}
    if not address.caches_statements:  # nor may SQLAlchemy leave a named statement on a server that is not ours alone
        arguments |= {"prepared_statement_cache_size": 0, "prepared_statement_name_func": str}
    return create_async_engine("postgresql+asyncpg://", connect_args=arguments, **options)


class Pool:
    """Connections for everything but the journal's commits."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._engine: AsyncEngine | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    def open(self) -> None:
        """Make the pool; it connects when it is first asked."""
        self._engine = make_engine(
            self.address,
            settings=PLANNER,
            pool_size=_SIZE,
            max_overflow=_OVERFLOW,
            pool_use_lifo=True,
            pool_timeout=30,
        )

    async def close(self) -> None:
        """Let the work under way end, then close every connection. Idempotent."""
        await asyncio.gather(*self._tasks, return_exceptions=True)
        engine, self._engine = self._engine, None
        if engine is not None:
            await engine.dispose()

    async def shielded(self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work` to its end even if the caller is cancelled."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return await asyncio.shield(task)

    async def run(self, work: Callable[[Driver], Awaitable[T]], *, repeatable: bool = True) -> T:
        """Return `work(driver connection)`.

        Args:
            work: one statement, or a transaction that it begins and ends itself.
            repeatable: whether it may be done once more when the connection was lost and nobody knows if it was done.

        Raises:
            StoreError: in the engine's words.
        """
        return await self.shielded(self._run(work, repeatable=repeatable))

    async def fetch(self, sql: str, *values: object, repeatable: bool = True) -> Sequence[Sequence[Any]]:
        """Return the rows of one statement of ours."""

        async def work(connection: Driver) -> Sequence[Sequence[Any]]:
            rows: Sequence[Sequence[Any]] = await connection.fetch(sql, *values)
            return rows

        return await self.run(work, repeatable=repeatable)

    async def select(self, query: Select[Any]) -> Sequence[Sequence[Any]]:
        """Return the rows of a query of SQLAlchemy's."""

        async def work(connection: AsyncConnection) -> Sequence[Sequence[Any]]:
            rows: Sequence[Sequence[Any]] = (await connection.execute(query)).all()
            await connection.rollback()
            return rows

        return await self.shielded(self._persist(work, repeatable=True))

    async def _run(self, work: Callable[[Driver], Awaitable[T]], *, repeatable: bool) -> T:
        async def on_driver(connection: AsyncConnection) -> T:
            return await work(await _driver(connection))

        return await self._persist(on_driver, repeatable=repeatable)

    async def _persist(self, work: Callable[[AsyncConnection], Awaitable[T]], *, repeatable: bool) -> T:
        lost = 0
        for attempt in range(1, TRIES + 1):
            try:
                return await self._once(work)
            except Exception as error:
                cause = getattr(error, "orig", None)  # SQLAlchemy's wrapper, whose cause is the driver's error
                known = error if cause is None else cause.__cause__ or cause
                if is_lost(known) and repeatable and lost == 0:
                    lost += 1
                    continue
                if state_of(known) not in TRY_AGAIN or attempt == TRIES:
                    raise translate(known, self.address) from error
            await pause_before_retry(attempt)
        raise AssertionError

    async def _once(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        if self._engine is None:
            raise StoreError(f"{self.address.name} is not open")
        async with self._engine.connect() as connection:
            driver = await _driver(connection)
            while driver.is_closed():  # the server ended it while it lay in the pool
                await connection.invalidate()
                driver = await _driver(connection)
            try:
                return await work(connection)
            except BaseException as error:
                if is_lost(error) or driver.is_closed() or driver.is_in_transaction():
                    driver.terminate()
                    await connection.invalidate()
                raise


async def _driver(connection: AsyncConnection) -> Driver:
    return (await connection.get_raw_connection()).driver_connection
