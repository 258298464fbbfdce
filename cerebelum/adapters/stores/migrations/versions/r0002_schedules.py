"""Schedules, and what their fires have led to."""

from __future__ import annotations

from alembic import op

from cerebelum.adapters.stores.migrations import statements

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables and their view."""
    bind = op.get_bind()
    for statement in statements(revision, bind.dialect.name, "up"):
        bind.exec_driver_sql(statement)


def downgrade() -> None:
    """Remove them with all they hold."""
    bind = op.get_bind()
    for statement in statements(revision, bind.dialect.name, "down"):
        bind.exec_driver_sql(statement)
