from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from cerebelum.adapters.stores import ddl, migrate
from cerebelum.adapters.stores.migrations import HEAD, REVISIONS
from cerebelum.adapters.stores.postgres.store import PostgresStore
from cerebelum.adapters.stores.schema import PARTITION_COUNT, Dialect, tables
from cerebelum.adapters.stores.sqlite.store import SqliteStore
from cerebelum.engine.domain.errors_store import StoreUnreachable
from cerebelum.engine.domain.execution import STATUSES
from cerebelum.engine.testing import store_samples as a

Schema = list[tuple[str, str, str]]


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/cerebelum.db"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty database of either kind."""
    found: str = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")
    return found


@pytest.fixture
async def connection(url: str) -> AsyncIterator[AsyncConnection]:
    """A connection to an upgraded database of either kind, in a transaction that is rolled back."""
    await migrate.upgrade(url)
    engine = create_async_engine(url.replace("://", "+aiosqlite://" if url.startswith("sqlite") else "+asyncpg://", 1))
    async with engine.connect() as connection:
        yield connection
    await engine.dispose()


def _sqlite_schema(path: str) -> Schema:
    connection = sqlite3.connect(path.removeprefix("sqlite:///"))
    rows = connection.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY type, name")
    schema = [(kind, name, " ".join(sql.split())) for kind, name, sql in rows if not name.startswith("sqlite_")]
    connection.close()
    return [row for row in schema if row[1] != "alembic_version"]


async def test_up_again_down_and_up(url: str) -> None:
    """F24: the second upgrade changes nothing, downgrade removes the schema, and it can be made again."""
    assert await migrate.current(url) is None
    await migrate.upgrade(url)
    assert await migrate.current(url) == migrate.head() == HEAD
    await migrate.upgrade(url)
    await migrate.downgrade(url)
    assert await migrate.current(url) is None
    await migrate.upgrade(url)
    assert await migrate.current(url) == HEAD


@pytest.mark.parametrize("options", ["statement_cache=0", "sslmode=disable", "statement_cache=1&sslmode=prefer"])
async def test_a_url_with_options_upgrades(postgres_url: str, options: str) -> None:
    """F24: whatever a store's URL may say, our own options and the driver's, the schema is made and removed with it."""
    url = f"{postgres_url}?{options}"
    await migrate.upgrade(url)
    assert await migrate.current(url) == HEAD
    store = PostgresStore(url)
    await store.open()
    await a.started(store, a.row())
    await store.close()
    await migrate.downgrade(url)
    assert await migrate.current(url) is None


async def test_nobody_at_home_is_said_in_our_words(unused_tcp_port: int) -> None:
    """R12: an upgrade of a server that is not there fails like the store itself, without the password."""
    with pytest.raises(StoreUnreachable, match="pg_isready") as caught:
        await migrate.upgrade(f"postgresql://me:s3cret@127.0.0.1:{unused_tcp_port}/d?statement_cache=0")
    assert "s3cret" not in str(caught.value)


async def test_downgrade_leaves_nothing(url: str) -> None:
    """F24: after down no table and no view is left but Alembic's own, which is empty."""
    await migrate.upgrade(url)
    await migrate.downgrade(url)
    engine = create_async_engine(url.replace("://", "+aiosqlite://" if url.startswith("sqlite") else "+asyncpg://", 1))
    async with engine.connect() as connection:
        names = await connection.run_sync(
            lambda sync: {*inspect(sync).get_table_names(), *inspect(sync).get_view_names()}
        )
    await engine.dispose()
    assert names <= {"alembic_version", "sqlite_sequence"}


async def test_a_second_upgrade_keeps_the_data(sqlite_url: str) -> None:
    """F24: upgrading a store that is in use is a no-op."""
    store = SqliteStore(sqlite_url)
    await store.open()
    (before,) = await a.started(store, a.row())
    await migrate.upgrade(sqlite_url)
    assert await a.versions(store, before.id) == [1]
    await store.close()


async def test_each_revision_goes_up_and_down_by_itself(url: str) -> None:
    """F24: from every revision to the next and back, by Alembic, on both databases."""
    for revision in REVISIONS:
        await migrate.upgrade(url, revision)
        assert await migrate.current(url) == revision
    for revision in reversed(REVISIONS[:-1]):
        await migrate.downgrade(url, revision)
        assert await migrate.current(url) == revision
    await migrate.upgrade(url)
    assert await migrate.current(url) == HEAD


async def test_a_store_of_an_older_release_is_upgraded_with_its_data(sqlite_url: str) -> None:
    """F24: a file of the first revision is opened, gets what is new, and keeps what it has."""
    store = SqliteStore(sqlite_url)
    await store.open()
    (before,) = await a.started(store, a.row())
    await store.close()
    await migrate.downgrade(sqlite_url, REVISIONS[0])
    assert await migrate.current(sqlite_url) == REVISIONS[0]
    store = SqliteStore(sqlite_url)
    await store.open()
    assert await a.versions(store, before.id) == [1]
    assert await store.list_schedules() == []
    await store.close()
    assert await migrate.current(sqlite_url) == HEAD


async def test_a_store_creates_what_the_migrations_create(tmp_path: Path) -> None:
    """F24: the quick way without Alembic, Alembic's way, and the model give one and the same SQLite schema."""
    migrated, created, modelled = (f"sqlite:///{tmp_path}/{name}.db" for name in ("migrated", "created", "modelled"))
    await migrate.upgrade(migrated)
    store = SqliteStore(created)
    await store.open()
    await store.close()
    connection = sqlite3.connect(modelled.removeprefix("sqlite:///"))
    for statement in ddl.statements("sqlite"):
        connection.execute(statement)
    connection.close()
    assert _sqlite_schema(created) == _sqlite_schema(migrated) == _sqlite_schema(modelled)
    assert await migrate.current(created) == HEAD


async def test_a_store_opens_what_was_downgraded(sqlite_url: str) -> None:
    """F24: an emptied file counts as a new one."""
    await migrate.upgrade(sqlite_url)
    await migrate.downgrade(sqlite_url)
    store = SqliteStore(sqlite_url)
    await store.open()
    await a.started(store, a.row())
    await store.close()


async def test_the_migrations_give_the_model(connection: AsyncConnection) -> None:
    """F24: Alembic finds no difference between the upgraded database and the SQLAlchemy model."""

    def differences(sync: Connection) -> list[object]:
        dialect: Dialect = "sqlite" if sync.dialect.name == "sqlite" else "postgresql"
        context = MigrationContext.configure(sync, opts={"compare_type": True, "include_name": _is_ours})
        return list(compare_metadata(context, tables(dialect)))

    assert await connection.run_sync(differences) == []


def _is_ours(name: str | None, kind: str, _: object) -> bool:
    return kind != "table" or (name is not None and not name.startswith(("events_p", "alembic")))


async def test_events_are_partitioned_with_the_execution_in_their_key(postgres_url: str) -> None:
    """F12: 64 hash partitions by execution_id, and the primary key is (execution_id, version)."""
    await migrate.upgrade(postgres_url)
    engine = create_async_engine(postgres_url.replace("://", "+asyncpg://", 1))
    async with engine.connect() as connection:
        partitions = await connection.scalar(
            text("SELECT count(*) FROM pg_inherits WHERE inhparent = 'events'::regclass")
        )
        key = await connection.run_sync(lambda sync: inspect(sync).get_pk_constraint("events")["constrained_columns"])
        views = {
            name: (await connection.scalar(text("SELECT pg_get_viewdef(CAST(:name AS regclass))"), {"name": name}))
            for name in ("workflow_executions", "step_executions", "event_log")
        }
    await engine.dispose()
    assert partitions == PARTITION_COUNT
    assert key == ["execution_id", "version"]
    assert all(views.values())


async def test_a_status_outside_the_seven_is_refused(connection: AsyncConnection) -> None:
    """H1, F14: the database itself checks; the default is pending."""
    insert = "INSERT INTO executions (id, workflow, inserted_at_us, updated_at_us) VALUES ('e', 'w', 1, 1)"
    await connection.execute(text(insert))
    assert await connection.scalar(text("SELECT status FROM executions")) == "pending"
    for status in STATUSES:
        await connection.execute(text("UPDATE executions SET status = :status"), {"status": status})
    with pytest.raises(IntegrityError):
        await connection.execute(text("UPDATE executions SET status = 'done'"))


async def test_a_version_of_a_workflow_is_unique(connection: AsyncConnection) -> None:
    """F16, F17: inserting the same (workflow, version) twice is refused."""
    insert = text("INSERT INTO workflows (workflow, digest, inserted_at_us, updated_at_us) VALUES ('w', :digest, 1, 1)")
    await connection.execute(insert, {"digest": "a"})
    with pytest.raises(IntegrityError):
        await connection.execute(insert, {"digest": "b"})


async def test_every_table_says_when_its_rows_came(connection: AsyncConnection) -> None:
    """F21: all tables carry inserted_at_us and updated_at_us; events and log lines, which never change, at_us alone."""

    def columns(sync: Connection) -> dict[str, set[str]]:
        inspector = inspect(sync)
        names = set(tables("postgresql").tables) & set(inspector.get_table_names())
        return {name: {column["name"] for column in inspector.get_columns(name)} for name in names}

    for name, found in (await connection.run_sync(columns)).items():
        expected = {"at_us"} if name in {"events", "logs"} else {"inserted_at_us", "updated_at_us"}
        assert expected <= found, name


async def test_concurrent_first_opens_make_one_schema(sqlite_url: str) -> None:
    """F24: several processes may meet a new file at once; each finds the schema whole."""
    stores = [SqliteStore(sqlite_url) for _ in range(5)]
    await asyncio.gather(*(store.open() for store in stores))
    (before,) = await a.started(stores[0], a.row())
    assert [await a.versions(store, before.id) for store in stores] == [[1]] * 5
    await asyncio.gather(*(store.close() for store in stores))


def test_revisions_are_numbered_upwards() -> None:
    """F24: their order is their number, so that an older release recognises a newer schema."""
    assert list(REVISIONS) == [f"{number:04}" for number in range(1, len(REVISIONS) + 1)]
