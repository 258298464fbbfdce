"""What the model promises about speed, for both dialects."""

from __future__ import annotations

from typing import get_args

import pytest
from sqlalchemy import Index

from cerebelum.adapters.stores.schema import Dialect, tables
from cerebelum.adapters.stores.sqlite.commit import _PROGRESS

EACH_STEP_CHANGES = frozenset(_PROGRESS)


def _depends_on(index: Index) -> set[str]:
    """Return the columns an index holds, and those its condition names."""
    conditions = (index.dialect_options[name].get("where") for name in ("sqlite", "postgresql"))
    named = " ".join(str(condition) for condition in conditions if condition is not None)
    return {column.name for column in index.columns} | {name for name in EACH_STEP_CHANGES if name in named}


@pytest.mark.parametrize("dialect", get_args(Dialect))
def test_a_step_writes_no_index(dialect: Dialect) -> None:
    """F26: no index depends on what each step changes, so that PostgreSQL updates the row in place (HOT)."""
    indexes = tables(dialect).tables["executions"].indexes
    assert indexes
    assert {index.name: found for index in indexes if (found := _depends_on(index) & EACH_STEP_CHANGES)} == {}
