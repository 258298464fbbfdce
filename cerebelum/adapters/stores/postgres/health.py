"""What a PostgreSQL server says of itself, for those who ask whether it can hold a store. Writes nothing."""

from __future__ import annotations

import time
from typing import NamedTuple

from cerebelum.adapters.stores.postgres.connection import connect
from cerebelum.adapters.stores.postgres.errors import translate
from cerebelum.adapters.stores.postgres.url import parse

_HEALTH = """
    SELECT current_setting('server_version'), current_setting('transaction_read_only') = 'on' OR pg_is_in_recovery(),
           coalesce(has_table_privilege(to_regclass('executions'), 'INSERT')
                    AND has_table_privilege(to_regclass('executions'), 'UPDATE'), true)
"""
_NOW = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"


class Health(NamedTuple):
    """One look at the server."""

    version: str
    takes_no_writes: bool  # a standby, or set so
    may_write: bool  # the login; true where there is no schema yet
    ahead_us: int  # its clock less this machine's
    uncertain_us: int  # half the round trip


async def look(url: str) -> Health:
    """Ask the server.

    Raises:
        StoreError: it cannot be reached or asked.
    """
    address = parse(url)
    connection = await connect(address)
    try:
        version, takes_no_writes, may_write = await connection.fetchrow(_HEALTH)
        before_us = time.time_ns() // 1_000
        server_us = await connection.fetchval(_NOW)
        after_us = time.time_ns() // 1_000
    except Exception as error:
        raise translate(error, address) from error
    finally:
        await connection.close()
    uncertain_us = (after_us - before_us) // 2
    return Health(version, takes_no_writes, may_write, server_us - before_us - uncertain_us, uncertain_us)
