from __future__ import annotations

import signal

import asyncpg
import pytest

from tests.servers.postgres import PostgresServer, RestartMode


async def test_each_test_gets_an_empty_database_of_its_own(postgres: PostgresServer, postgres_url: str) -> None:
    """A table made in one database of the server is not seen in another."""
    other_url = postgres.create_database()
    mine, other = await asyncpg.connect(postgres_url), await asyncpg.connect(other_url)
    await mine.execute("CREATE TABLE only_mine (n int)")
    assert await other.fetchval("SELECT to_regclass('only_mine')") is None
    await mine.close()
    await other.close()
    postgres.drop_database(other_url)


async def test_the_server_is_as_durable_as_in_production(postgres_url: str) -> None:
    """A proof on this server must mean something: fsync and synchronous_commit are on."""
    connection = await asyncpg.connect(postgres_url)
    assert await connection.fetchval("SHOW fsync") == "on"
    assert await connection.fetchval("SHOW synchronous_commit") == "on"
    await connection.close()


@pytest.mark.parametrize("mode", ["fast", "immediate", "kill"])
async def test_committed_rows_survive_every_kind_of_restart(
    postgres: PostgresServer, postgres_url: str, mode: RestartMode
) -> None:
    """Whatever way the server ends, it comes back on the same URL with all that was committed."""
    before = await asyncpg.connect(postgres_url)
    await before.execute("CREATE TABLE kept AS SELECT 1 AS n")
    first_pid = postgres.pid
    postgres.restart(mode)
    before.terminate()
    after = await asyncpg.connect(postgres_url)
    assert await after.fetchval("SELECT n FROM kept") == 1
    assert postgres.pid != first_pid
    await after.close()


async def test_killed_backends_lose_their_connection(postgres: PostgresServer, postgres_url: str) -> None:
    """Killing the backends cuts open sessions, and the server goes on."""
    connection = await asyncpg.connect(postgres_url)
    assert postgres.kill_backends(signal.SIGTERM) >= 1
    with pytest.raises((asyncpg.AdminShutdownError, asyncpg.ConnectionDoesNotExistError)):
        await connection.fetchval("SELECT 1")
    assert postgres.fetch("SELECT 1 AS n")[0]["n"] == 1


@pytest.mark.usefixtures("postgres")  # one runs, so a second one can
def test_a_stopped_server_leaves_nothing_behind() -> None:
    """After the end its process and its folder are gone."""
    with PostgresServer({"max_connections": "20"}) as server:
        assert server.fetch("SHOW max_connections")[0]["max_connections"] == "20"
        folder, port = server.folder, server.port
    assert not folder.exists()
    assert port > 0
    with pytest.raises(OSError, match=str(port)):
        server.fetch("SELECT 1")
