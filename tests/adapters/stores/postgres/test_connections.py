"""The server goes away, refuses, or is somebody else's; hints and leases on lines of their own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import asyncpg
import pytest

from cerebelum.adapters.stores import migrate
from cerebelum.adapters.stores.postgres.claims import CLAIM
from cerebelum.adapters.stores.postgres.errors import translate
from cerebelum.adapters.stores.postgres.store import PostgresStore
from cerebelum.adapters.stores.postgres.url import parse
from cerebelum.engine.domain.errors_store import (
    SchemaTooNew,
    SchemaTooOld,
    StoreError,
    StoreFull,
    StoreReadOnly,
    StoreUnreachable,
    StoreUnsupported,
)
from cerebelum.engine.ports.store import Committed, ExecutionFilter
from cerebelum.engine.testing import store_samples as a
from tests.adapters.stores.postgres.waiting import until
from tests.servers.postgres import PostgresServer, RestartMode


async def _open(url: str) -> None:
    store = PostgresStore(url)
    try:
        await store.open()
    finally:
        await store.close()


async def _writable(store: PostgresStore) -> None:
    """Return when a start has been committed; errors on the way must be the engine's."""

    async def try_it() -> bool:
        try:
            await a.started(store, a.row())
        except StoreError:
            return False
        return True

    await until(try_it)


# -- the server -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["fast", "immediate"])
async def test_a_restarted_server_is_found_again(postgres: PostgresServer, url: str, mode: RestartMode) -> None:
    """Hazard of reliability §3: after a restart every line works again by itself, and what was acknowledged is there."""
    store, other = PostgresStore(url), PostgresStore(url)
    await store.open()
    await other.open()
    await store.join(a.node(a.OWNER))
    (before,) = await a.started(store, a.row())
    assert await asyncio.to_thread(store.renew_lease, a.OWNER) is not None
    hints = aiter(store.watch())
    await anext(hints)
    await asyncio.to_thread(postgres.restart, mode)
    await _writable(store)
    assert await a.versions(store, before.id) == [1]
    assert await asyncio.to_thread(store.renew_lease, a.OWNER) is not None
    listening = "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()"
    await until(lambda: store._pool.fetch(listening))
    await cast("Any", hints).aclose()
    await other.close()
    await store.close()


async def test_connections_that_were_ended_while_idle_are_replaced(store: PostgresStore, session: Any) -> None:
    """R12: every connection of the store is ended by the server; the next calls see nothing of it."""
    (before,) = await a.started(store, a.row())
    await store.join(a.node(a.OWNER))
    await asyncio.to_thread(store.renew_lease, a.OWNER)
    writer = store._writer._connection
    await session.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )

    async def noticed() -> bool:
        return bool(writer.is_closed())

    await until(noticed)
    assert await store.commit(a.batch(appends=[a.append(before)])) == Committed()
    assert await a.versions(store, before.id) == [1, 2]
    assert await store.list_executions(ExecutionFilter()) != []
    assert await asyncio.to_thread(store.renew_lease, a.OWNER) is not None


async def test_a_server_that_takes_no_writes_is_named_and_left(store: PostgresStore, session: Any) -> None:
    """Hazard of reliability §3: a standby or a read-only server is said so; once writes are taken again, all goes on."""
    name = await session.fetchval("SELECT current_database()")
    (before,) = await a.started(store, a.row())
    await session.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    store._writer.drop()
    try:
        with pytest.raises(StoreReadOnly, match="target_session_attrs"):
            await store.commit(a.batch(appends=[a.append(before)]))
    finally:
        await session.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')
    assert await store.commit(a.batch(appends=[a.append(before)])) == Committed()


def test_a_full_disk_has_its_own_error() -> None:
    """Hazard of reliability §3: the node pauses on it and resumes by itself, so it must be told from other errors."""
    error = asyncpg.exceptions.DiskFullError("could not extend file: No space left on device")
    assert isinstance(translate(error, parse("postgresql://h/d")), StoreFull)


async def test_a_claim_whose_answer_was_lost_is_given_back(store: PostgresStore, session: Any) -> None:
    """I12: the server has made the claim, the node does not know: the next claim returns those executions after all."""
    lost, known, running = await a.started(store, a.waiting(), a.waiting(priority=1), a.row(owner=a.OTHER))
    assert [row.id for row in await store.claim(a.OTHER, workflows=[a.WORKFLOW], limit=1)] == [known.id]
    await session.fetch(CLAIM, a.OTHER, [a.WORKFLOW], 10)
    store._claims._unsure.add(a.OTHER)
    (again,) = await store.claim(a.OTHER, workflows=[a.WORKFLOW], limit=10)
    assert (again.id, again.epoch) == (lost.id, lost.epoch + 2)
    assert (await a.the_row(store, known.id)).epoch == known.epoch + 1
    assert (await a.the_row(store, running.id)).owner == a.OTHER


async def test_executions_of_an_owner_without_a_node_are_released(store: PostgresStore) -> None:
    """I12: a node that was removed while it slept may still claim before it notices; nobody would look at those else."""
    await store.join(a.node(a.OWNER))
    held, orphan = await a.started(store, a.row(), a.row(owner=a.OTHER))
    assert await store.release_dead() == 1
    assert (await a.the_row(store, orphan.id)).owner is None
    assert (await a.the_row(store, held.id)).owner == a.OWNER


# -- opening --------------------------------------------------------------------------------------------------------


async def test_a_server_that_is_not_there_is_named_without_the_password(postgres: PostgresServer) -> None:
    """Security: neither the name nor an error shows the password; the error says how to look."""
    url = "postgresql://me:s3cret@127.0.0.1:1/db?sslpassword=s3cret"
    with pytest.raises(StoreUnreachable, match="pg_isready") as caught:
        await _open(url)
    assert "s3cret" not in str(caught.value) + PostgresStore(url).name


async def test_a_refused_login_is_told_from_an_absent_server(postgres: PostgresServer) -> None:
    """UX: the help is about user and password, and does not hold the latter."""
    url = postgres.url.replace("postgres@", "nobody-here:s3cret@")
    with pytest.raises(StoreUnreachable, match="refused the login") as caught:
        await _open(url)
    assert "s3cret" not in str(caught.value)


async def test_an_absent_database_is_named(postgres: PostgresServer) -> None:
    """UX: the help is the command that makes it."""
    with pytest.raises(StoreUnreachable, match="createdb absent"):
        await _open(postgres.url_of("absent"))


async def test_a_schema_that_is_missing_or_too_new_is_named(postgres_url: str) -> None:
    """F24: an empty database asks for `db upgrade`, one of a newer release for a newer Cerebelum."""
    with pytest.raises(SchemaTooOld, match="cerebelum db upgrade --store postgresql://"):
        await _open(postgres_url)
    await migrate.upgrade(postgres_url)
    await _open(postgres_url)
    connection = await asyncpg.connect(postgres_url)
    await connection.execute("UPDATE alembic_version SET version_num = '9999'")
    await connection.close()
    with pytest.raises(SchemaTooNew, match="9999"):
        await _open(postgres_url)


async def test_a_store_that_is_not_open_says_so(url: str) -> None:
    """A store can be closed twice, and opened again; between, it refuses work."""
    store = PostgresStore(url)
    await store.open()
    await store.close()
    await store.close()
    with pytest.raises(StoreError, match="not open"):
        await store.get_execution("exec-1")
    await store.open()
    await a.started(store, a.row())
    await store.close()


@pytest.mark.parametrize(
    "url, name",
    [
        ("postgres://u:p%40ss@h:5/d", "postgresql://u@h:5/d"),
        ("postgresql+asyncpg://u@h1:1,h2:2/d?target_session_attrs=any", "postgresql://u@h1:1,h2:2/d?target_session_attrs=any"),
        ("postgresql:///d?host=/run/pg&password=x", "postgresql:///d?host=/run/pg"),
    ],
    ids=["password", "several hosts", "socket"],
)  # fmt: skip
def test_a_name_is_the_url_without_secrets(url: str, name: str) -> None:
    """Security: what is shown can be copied into a command, and holds no password."""
    assert PostgresStore(url).name == name


@pytest.mark.parametrize("url", ["mysql://h/d", "postgresql://u:s3cret@h/d?statement_cache=2"])
def test_a_url_that_cannot_be_meant_is_refused(url: str) -> None:
    """UX: with what would be right, and without the password."""
    with pytest.raises(StoreUnsupported, match="help:") as caught:
        PostgresStore(url)
    assert "s3cret" not in str(caught.value)


# -- hints and leases -----------------------------------------------------------------------------------------------


@pytest.fixture
async def heard(store: PostgresStore) -> AsyncIterator[asyncio.Queue[str]]:
    """What a watch on `store` yields, once it listens."""
    queue: asyncio.Queue[str] = asyncio.Queue()

    async def follow() -> None:
        async for hint in store.watch():
            queue.put_nowait(hint)

    task = asyncio.create_task(follow())
    await queue.get()
    yield queue
    task.cancel()
    await asyncio.wait([task])


async def test_a_hint_comes_long_before_the_next_poll(
    store: PostgresStore, second_store: PostgresStore, heard: asyncio.Queue[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """R8: with polling slowed down to an hour, starts, releases and posts of another store are still heard of."""
    monkeypatch.setattr("cerebelum.adapters.stores.postgres.bus._POLL_S", 3600.0)
    await heard.get()  # the last poll at the old interval
    (before,) = await a.started(second_store, a.row())
    await a.started(second_store, a.waiting())
    await heard.get()
    await second_store.post(a.message(before.id))
    await heard.get()
    await second_store.commit(a.batch(appends=[a.append(before, owner=None, status="waiting", wake_at_us=1)]))
    await heard.get()


async def test_a_lease_is_renewed_while_the_loop_is_blocked(store: PostgresStore) -> None:
    """R6: renewal needs nothing of the node's loop: called on it, and so blocking it, it still comes back."""
    await store.join(a.node(a.OWNER))
    before = (await store.nodes())[0].lease_until_us
    after = store.renew_lease(a.OWNER)
    assert after is not None
    assert after >= before
    assert store.renew_lease("nonce-unknown") is None


async def test_a_lease_that_cannot_be_renewed_in_time_is_an_error(store: PostgresStore, session: Any) -> None:
    """R6: a row that is locked for long, or a silent server, ends in an error before the lease would have run out."""
    await store.join(a.node(a.OWNER))
    async with session.transaction():
        await session.fetch("SELECT 1 FROM nodes FOR UPDATE")
        with pytest.raises(StoreUnreachable):
            await asyncio.to_thread(store.renew_lease, a.OWNER)
    assert await asyncio.to_thread(store.renew_lease, a.OWNER) is not None
