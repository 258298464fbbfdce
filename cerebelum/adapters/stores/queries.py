"""Lists and filters, as SQLAlchemy Core over the model: for people, not for the hot path. Filter columns are a fixed set."""

from __future__ import annotations

from sqlalchemy import ColumnElement, MetaData, Select, and_, func, or_, select

from cerebelum.adapters.stores.rows import CODE_COLUMNS, EXECUTION_COLUMNS, LOG_COLUMNS, NODE_COLUMNS
from cerebelum.engine.domain.execution import OPEN
from cerebelum.engine.ports.store import SHORT_DIGEST_DIGITS, ExecutionFilter

LIMIT_MOST = 10_000
_HIGHEST = "\U0010ffff"  # sorts after every character of an id


class Queries:
    """Makes the selects for one dialect's model (`schema.tables`)."""

    def __init__(self, model: MetaData) -> None:
        self._model = model

    def list_executions(self, query: ExecutionFilter) -> Select[tuple[object, ...]]:
        """Return the select of EXECUTION_COLUMNS, newest first."""
        table = self._model.tables["executions"]
        row = table.c
        conditions: list[ColumnElement[bool]] = [
            row[name] == value
            for name in ("workflow", "code", "current_step", "queue", "parent", "owner")
            if (value := getattr(query, name)) is not None
        ]
        if statuses := query.statuses or (OPEN if query.current_step is not None else ()):
            conditions.append(row.status.in_(statuses))  # what has ended is at no step: see `schema`
        if query.id_prefix is not None:
            conditions.append(and_(row.id >= query.id_prefix, row.id < query.id_prefix + _HIGHEST))
        if query.started_from_us is not None:
            conditions.append(row.started_at_us >= query.started_from_us)
        if query.started_to_us is not None:
            conditions.append(row.started_at_us <= query.started_to_us)
        if query.before is not None:
            at_us, execution_id = query.before
            # the first condition alone already bounds the walk along the index
            conditions += [row.inserted_at_us <= at_us, or_(row.inserted_at_us < at_us, row.id < execution_id)]
        return (
            select(*(row[name] for name in EXECUTION_COLUMNS))
            .where(*conditions)
            .order_by(row.inserted_at_us.desc(), row.id.desc())
            .limit(max(1, min(query.limit, LIMIT_MOST)))
        )

    def count_executions(self) -> Select[tuple[object, ...]]:
        """Return the select of (status, count)."""
        status = self._model.tables["executions"].c.status
        return select(status, func.count()).group_by(status)

    def count_owned(self) -> Select[tuple[object, ...]]:
        """Return the select of (owner, queue, count)."""
        row = self._model.tables["executions"].c
        return select(row.owner, row.queue, func.count()).where(row.owner.is_not(None)).group_by(row.owner, row.queue)

    def read_logs(self, execution_id: str, after_id: int, limit: int) -> Select[tuple[object, ...]]:
        """Return the select of (id, *LOG_COLUMNS) in order of writing."""
        row = self._model.tables["logs"].c
        return (
            select(row.id, *(row[name] for name in LOG_COLUMNS))
            .where(row.execution_id == execution_id, row.id > after_id)
            .order_by(row.id)
            .limit(max(1, min(limit, LIMIT_MOST)))
        )

    def nodes(self) -> Select[tuple[object, ...]]:
        """Return the select of NODE_COLUMNS."""
        row = self._model.tables["nodes"].c
        return select(*(row[name] for name in NODE_COLUMNS)).order_by(row.started_at_us, row.nonce)

    def get_code(self, workflow: str, version: int | None, digest: str | None) -> Select[tuple[object, ...]]:
        """Return the select of CODE_COLUMNS of one version, the newest that fits."""
        row = self._model.tables["workflows"].c
        conditions = [row.workflow == workflow]
        if version is not None:
            conditions.append(row.version == version)
        if digest is not None:
            short = func.substr(row.digest, 1, SHORT_DIGEST_DIGITS)  # a workflow's versions are few: no index needed
            conditions.append(short == digest[:SHORT_DIGEST_DIGITS])
        return select(*(row[name] for name in CODE_COLUMNS)).where(*conditions).order_by(row.version.desc()).limit(1)

    def list_workflows(self) -> Select[tuple[object, ...]]:
        """Return the select of CODE_COLUMNS of the newest version of each workflow, by name."""
        table = self._model.tables["workflows"]
        newest = (
            select(table.c.workflow, func.max(table.c.version).label("version")).group_by(table.c.workflow).subquery()
        )
        return (
            select(*(table.c[name] for name in CODE_COLUMNS))
            .join(newest, and_(table.c.workflow == newest.c.workflow, table.c.version == newest.c.version))
            .order_by(table.c.workflow)
        )
