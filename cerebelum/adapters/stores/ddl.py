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
    "ALTER TABLE executions SET (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.02)",
    "ALTER TABLE executions SET (autovacuum_analyze_scale_factor = 0.02)",
    "ALTER TABLE messages SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000)",
    "ALTER TABLE nodes SET (fillfactor = 50)",
    "ALTER TABLE batches SET (fillfactor = 50)",
)

# Run by the commit that ends executions. Being volatile it sees what is committed by now, messages that the calling
# statement's own snapshot does not show among it.
_FORGET_MESSAGES = """CREATE FUNCTION forget_messages(ended text[]) RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM messages WHERE execution_id = ANY(ended);
    RETURN NULL;
END $$"""


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
        created += [*_POSTGRESQL_SETTINGS, _FORGET_MESSAGES]
    created.extend(view_statements(dialect))
    return [_tidy(statement) for statement in created]


def _partition(number: int) -> str:
    return (
        f"CREATE TABLE events_p{number:02} PARTITION OF events "
        f"FOR VALUES WITH (MODULUS {PARTITION_COUNT}, REMAINDER {number})"
    )


def _tidy(statement: str) -> str:
    return "\n".join(line.rstrip().replace("\t", "    ") for line in statement.strip().splitlines() if line.strip())
