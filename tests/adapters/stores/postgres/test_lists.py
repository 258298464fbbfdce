"""F26: every list uses an index on a table of some thousand rows."""

from __future__ import annotations

from typing import Any

from sqlalchemy.dialects import postgresql

from cerebelum.adapters.stores.postgres.connection import PLANNER
from cerebelum.adapters.stores.postgres.store import PostgresStore
from cerebelum.adapters.stores.queries import Queries
from cerebelum.adapters.stores.schema import tables
from cerebelum.engine.ports.store import ExecutionFilter
from cerebelum.engine.testing import store_samples as a

STEPS = ("charge", "ship")
COUNT = 3000
OPEN_COUNT = 200


async def _filled(store: PostgresStore, session: Any) -> None:
    """Insert COUNT executions, most of which have ended; the newest are open, and at a step."""
    ended = [a.waiting(status="completed", wake_at_us=None) for _ in range(COUNT - OPEN_COUNT)]
    await a.started(store, *ended)
    await a.started(store, *(a.waiting(current_step=STEPS[number % 2]) for number in range(OPEN_COUNT)))
    await session.execute("VACUUM ANALYZE executions")
    for name, value in PLANNER.items():
        await session.execute(f"SET {name} = {value}")


async def _plan(session: Any, query: ExecutionFilter, *, ordered: bool = True) -> str:
    """Return the plan; without the order, what decides is the filter alone, not how many rows a page of a list takes."""
    select = Queries(tables("postgresql")).list_executions(query)
    if not ordered:
        select = select.order_by(None).limit(None)
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    sql = select.compile(dialect=dialect, compile_kwargs={"literal_binds": True})
    return "\n".join(row[0] for row in await session.fetch(f"EXPLAIN {sql}"))


async def test_a_list_reads_along_an_index(store: PostgresStore, session: Any) -> None:
    """F26, F14: by workflow, status, step, time range, parent and id prefix, and without a filter."""
    await _filled(store, session)
    queries = {
        "ix_executions_workflow": ExecutionFilter(workflow="flow:other"),
        "ix_executions_status": ExecutionFilter(statuses=["failed"]),
        "ix_executions_parent": ExecutionFilter(parent="exec-p"),
        "ix_executions_started_at": ExecutionFilter(started_from_us=1, started_to_us=2),
        "executions_pkey": ExecutionFilter(id_prefix="exec-1"),
    }
    for index, query in queries.items():
        assert index in await _plan(session, query, ordered=False)
    assert "ix_executions_inserted_at" in await _plan(session, ExecutionFilter())


async def test_a_list_by_step_reads_open_executions_only(store: PostgresStore, session: Any) -> None:
    """F26: what has ended is at no step, so a step that nothing is at costs no walk through all that ever ran."""
    await _filled(store, session)
    plan = await _plan(session, ExecutionFilter(current_step="nothing"))
    assert "Seq Scan" not in plan, plan
    assert "status = ANY" in plan, plan
    found = await store.list_executions(ExecutionFilter(current_step="ship", limit=COUNT))
    assert len(found) == OPEN_COUNT // 2


async def test_a_range_of_time_is_found_by_blocks(store: PostgresStore, session: Any) -> None:
    """F14: the block index gives exactly the executions that began in the range."""
    await _filled(store, session)
    rows = await store.list_executions(ExecutionFilter(limit=COUNT))
    began = sorted(row.started_at_us for row in rows if row.started_at_us is not None)
    query = ExecutionFilter(started_from_us=began[100], started_to_us=began[149], limit=COUNT)
    found = await store.list_executions(query)
    assert sorted(row.started_at_us or 0 for row in found) == began[100:150]


async def test_ids_are_compared_by_bytes(session: Any) -> None:
    """R1: rows are locked in the order in which the client sorts ids, whatever language the database speaks."""
    query = "SELECT count(*) FROM pg_attribute WHERE attname = $1 AND attcollation = 'pg_catalog.\"C\"'::regcollation"
    of_table = f"{query} AND attrelid = $2::text::regclass"
    assert await session.fetchval(of_table, "id", "executions") == 1
    for table in ("events", "messages", "logs"):
        assert await session.fetchval(of_table, "execution_id", table) == 1
