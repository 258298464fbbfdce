"""Opening connections: one way for the pool, the writer, the lease and the hints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import asyncpg

from cerebelum.adapters.stores.postgres.errors import translate
from cerebelum.adapters.stores.postgres.url import Address
from cerebelum.engine.domain.errors_store import StoreUnsupported

# asyncpg has no types: a connection, its records and arguments are Any to us.
Driver = Any

CONNECT_S: Final = 10.0
COMMAND_S: Final = 30.0  # a server that is silent for longer is taken for lost
OLDEST: Final = 14

# Our statements have one right plan, by index. The planner must not think otherwise because a table was empty when it
# first saw it, nor compile.
PLANNER: Final[Mapping[str, str]] = {"jit": "off", "enable_seqscan": "off"}
# A commit goes over its sorted arrays in a nested loop, so that rows are locked in id order; one plan fits all batches.
COMMIT_PLANNER: Final[Mapping[str, str]] = {
    **PLANNER,
    "plan_cache_mode": "force_generic_plan",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
}


async def connect(
    address: Address,
    *,
    settings: Mapping[str, str] | None = None,
    connect_s: float = CONNECT_S,
    command_s: float = COMMAND_S,
) -> Driver:
    """Return a new connection. Behind pgbouncer the session's settings are left as they are: it is not ours alone.

    Raises:
        StoreUnreachable: no server, no such database, or the login was refused.
        StoreUnsupported: the server is older than we can use.
    """
    own = {"application_name": "cerebelum", **(settings or {})}
    try:
        connection = await asyncpg.connect(
            address.dsn,
            timeout=connect_s,
            command_timeout=command_s,
            statement_cache_size=200 if address.caches_statements else 0,
            max_cached_statement_lifetime=0,
            server_settings=own if address.caches_statements else {},
        )
    except Exception as error:
        raise translate(error, address) from error
    version = connection.get_server_version()
    if version.major < OLDEST:
        await connection.close()
        raise StoreUnsupported(
            f"{address.name} is PostgreSQL {version.major}; {OLDEST} or newer is needed\n  help: upgrade the server"
        )
    return connection
