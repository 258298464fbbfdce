"""The whole schema as DDL: the model's tables and indexes, what SQLAlchemy has no words for, and the views.

Migrations are frozen SQL; a test compares what they build with what this builds.
"""

from __future__ import annotations

from sqlalchemy import make_url
from sqlalchemy.schema import CreateIndex, CreateTable

from cerebelum.adapters.stores.schema import PARTITION_COUNT, Dialect, tables
from cerebelum.adapters.stores.views import view_statements

# Rows of these tables change often: free room in a page lets PostgreSQL update them in place (HOT), and vacuum must not
# wait until a fifth of a large table is dead.
_POSTGRESQL_SETTINGS = (
    "ALTER TABLE executions SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02)",
    "ALTER TABLE executions SET (autovacuum_analyze_scale_factor = 0.02)",
    "ALTER TABLE messages SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000)",
    "ALTER TABLE nodes SET (fillfactor = 50)",
    "ALTER TABLE batches SET (fillfactor = 50)",
)


def statements(dialect: Dialect) -> list[str]:
    """Return what creates the newest schema in an empty database, in order."""
    compiler = make_url(f"{dialect}://").get_dialect()()
    created = []
    for table in tables(dialect).sorted_tables:
        created.append(str(CreateTable(table).compile(dialect=compiler)))
        indexes = sorted(table.indexes, key=lambda index: str(index.name))
        created.extend(str(CreateIndex(index).compile(dialect=compiler)) for index in indexes)
        if table.name == "events":
            created.extend(_partition(number) for number in range(PARTITION_COUNT))
    if dialect == "postgresql":
        created.extend(_POSTGRESQL_SETTINGS)
    created.extend(view_statements(dialect))
    return [_tidy(statement) for statement in created]


def _partition(number: int) -> str:
    return (
        f"CREATE TABLE events_p{number:02} PARTITION OF events "
        f"FOR VALUES WITH (MODULUS {PARTITION_COUNT}, REMAINDER {number})"
    )


def _tidy(statement: str) -> str:
    return "\n".join(line.rstrip().replace("\t", "    ") for line in statement.strip().splitlines() if line.strip())
