"""Everything that the first release needs: executions, their histories, inbox, logs, code, nodes, and the views."""

from __future__ import annotations

from alembic import op

from cerebelum.adapters.stores.migrations import statements

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the schema."""
    bind = op.get_bind()
    for statement in statements(revision, bind.dialect.name, "up"):
        bind.exec_driver_sql(statement)


def downgrade() -> None:
    """Remove the schema with all it holds."""
    bind = op.get_bind()
    for statement in statements(revision, bind.dialect.name, "down"):
        bind.exec_driver_sql(statement)
