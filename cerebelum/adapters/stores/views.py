r"""Views for people and their tools: the names and shapes of the founding documents over `executions` and `events`.

The engine never reads them. Everything in them is derived, so they need no upkeep and can be dropped.

- `workflow_executions`: one row per execution, with input, output and context as JSON text.
- `step_executions`: one row per attempt of a step. Status waiting: the next attempt is due later.
- `pending_inputs`: one row per wait for a person. Status cancelled: the workflow no longer waits for it.
- `scheduled_workflows`: one row per schedule. `cron_expression` is NULL where it fires by an interval or once.
- `event_log`: the events under all of their names. `sequence` counts from 0, `version` from 1.
- `events` (SQLite only): `history` with the execution's id, as PostgreSQL's table of that name.

Timestamps are UTC with microseconds: `timestamptz` on PostgreSQL, ISO 8601 text on SQLite. PostgreSQL's JSON functions
refuse `\u0000` and lone surrogates, so its views show U+FFFD in their place; `events.data` has the original.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from cerebelum.adapters.stores.schema import Dialect
from cerebelum.engine.ports.store import SHORT_DIGEST_DIGITS

Expression = Callable[[str, str], str]


class _Words(NamedTuple):
    """What the dialects say differently. Each function maps (column, field) or (column, "") to an SQL expression."""

    instant: Expression  # microseconds -> timestamp
    json: Expression  # field as JSON text, NULL when missing
    text: Expression  # field as text
    number: Expression  # field as integer
    logs: str  # JSON array of the lines of {number} and {attempt} of {execution_id}


def _sqlite_json(column: str, field: str) -> str:
    # Asked for two paths, json_extract answers with an array of their texts as they stand, `[…,null]` here. Alone it
    # would turn true into 1, cut a string at \u0000 and round a large number; `->` needs SQLite 3.38.
    pair = f"json_extract({column}, '$.{field}', '$.-')"
    return (
        f"CASE WHEN json_type({column}, '$.{field}') IS NOT NULL "
        f"THEN substr({pair}, 2, length({pair}) - length('[,null]')) END"
    )


def _postgresql_cast(column: str) -> str:
    return rf"regexp_replace({column}, '\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{{2}})', '\ufffd', 'g')::json"


_SQLITE = _Words(
    instant=lambda column, _: (
        f"strftime('%Y-%m-%dT%H:%M:%S', {column} / 1000000, 'unixepoch') || printf('.%06d+00:00', {column} % 1000000)"
    ),
    json=_sqlite_json,
    text=lambda column, field: f"json_extract({column}, '$.{field}')",
    number=lambda column, field: f"json_extract({column}, '$.{field}')",
    logs=(
        "(SELECT json_group_array(json_object('at_us', l.at_us, 'level', l.level, 'message', l.message)) FROM ("
        "SELECT at_us, level, message FROM logs WHERE logs.execution_id = {execution_id} AND logs.number = {number} "
        "AND logs.attempt = {attempt} ORDER BY logs.id) AS l)"
    ),
)
_POSTGRESQL = _Words(
    instant=lambda column, _: f"timestamptz 'epoch' + {column} * interval '1 microsecond'",
    json=lambda column, field: f"({_postgresql_cast(column)} -> '{field}')::text",
    text=lambda column, field: f"({_postgresql_cast(column)} ->> '{field}')",
    number=lambda column, field: f"({_postgresql_cast(column)} ->> '{field}')::bigint",
    logs=(
        "(SELECT coalesce(json_agg(json_build_object('at_us', l.at_us, 'level', l.level, 'message', l.message) "
        "ORDER BY l.id), '[]'::json)::text FROM logs AS l WHERE l.execution_id = {execution_id} "
        "AND l.number = {number} AND l.attempt = {attempt})"
    ),
)

VIEW_NAMES = (
    "scheduled_workflows",
    "pending_inputs",
    "workflow_executions",
    "step_executions",
    "event_log",
)  # in the order they can be dropped


def view_statements(dialect: Dialect) -> list[str]:
    """Return the CREATE VIEW statements, in order."""
    words = _SQLITE if dialect == "sqlite" else _POSTGRESQL
    views = [_event_log(words), _step_executions(words), _workflow_executions(words), _pending_inputs(words)]
    views.append(_scheduled_workflows(words))
    return [_SQLITE_EVENTS, *views] if dialect == "sqlite" else views


_SQLITE_EVENTS = """CREATE VIEW events AS
SELECT x.id AS execution_id, h.version, h.type, h.data, h.at_us
FROM executions AS x JOIN history AS h ON h.execution = x.n"""


def _event_log(words: _Words) -> str:
    at = words.instant("e.at_us", "")
    return f"""CREATE VIEW event_log AS
SELECT e.execution_id || '#' || e.version AS id,
       e.execution_id,
       e.type AS event_type,
       e.data AS payload,
       e.data AS event_data,
       e.version - 1 AS sequence,
       e.version,
       {at} AS timestamp,
       {at} AS inserted_at
FROM events AS e"""


def _workflow_executions(words: _Words) -> str:
    at = words.instant
    return f"""CREATE VIEW workflow_executions AS
SELECT x.id,
       x.id AS workflow_id,
       coalesce((SELECT nullif(w.module, '') FROM workflows AS w
                 WHERE w.workflow = x.workflow AND substr(w.digest, 1, {SHORT_DIGEST_DIGITS}) = x.code ORDER BY w.version DESC LIMIT 1),
                x.workflow) AS workflow_module,
       x.workflow AS workflow_name,
       x.code,
       x.status,
       x.queue,
       x.priority,
       (SELECT {words.json("e.data", "input")} FROM events AS e
        WHERE e.execution_id = x.id AND e.version = 1) AS input,
       (SELECT coalesce({words.json("e.data", "result")}, 'null') FROM events AS e
        WHERE e.execution_id = x.id AND e.version = x.last_version AND e.type = 'execution_completed') AS output,
       '{{}}' AS context,
       x.current_step,
       x.error,
       x.parent,
       x.run,
       x.last_version,
       {at("x.scheduled_at_us", "")} AS scheduled_at,
       {at("x.started_at_us", "")} AS started_at,
       {at("x.completed_at_us", "")} AS completed_at,
       {at("x.inserted_at_us", "")} AS inserted_at,
       {at("x.updated_at_us", "")} AS updated_at
FROM executions AS x"""


def _step_executions(words: _Words) -> str:
    logs = words.logs.format(execution_id="a.workflow_id", number="a.number", attempt="a.attempt")
    return f"""CREATE VIEW step_executions AS
SELECT a.workflow_id, a.number, a.step, a.attempt, a.status,
       {words.instant("a.started_us", "")} AS started_at,
       {words.instant("a.completed_us", "")} AS completed_at,
       (a.completed_us - a.started_us) / 1000 AS duration_ms,
       a.input, a.output, a.error,
       {logs} AS logs
FROM (
{_ended_attempts(words)}
  UNION ALL
{_open_steps(words)}
) AS a"""


def _ended_attempts(words: _Words) -> str:
    """Each from its own event. Numbers begin anew when an execution is retried: the newest schedule before it counts."""
    json, number = words.json, words.number
    scheduled = f"""(SELECT s.version FROM events AS s WHERE s.execution_id = e.execution_id
            AND s.type = 'step_scheduled' AND s.version < e.version
            AND {number("s.data", "number")} = {number("e.data", "number")}
            ORDER BY s.version DESC LIMIT 1)"""
    return f"""  SELECT s.execution_id AS workflow_id, {number("s.data", "number")} AS number,
         {words.text("s.data", "name")} AS step, d.attempt, d.status,
         coalesce(nullif(d.started_us, 0), s.at_us) AS started_us, d.at_us AS completed_us,
         coalesce({json("s.data", "args")}, '{{}}') AS input, d.output, d.error
  FROM (
    SELECT e.execution_id, e.at_us, {scheduled} AS scheduled,
           coalesce({number("e.data", "attempt")}, 1) AS attempt,
           CASE e.type WHEN 'step_completed' THEN 'completed' ELSE 'failed' END AS status,
           {number("e.data", "started_us")} AS started_us,
           CASE e.type WHEN 'step_completed' THEN coalesce({json("e.data", "result")}, 'null') END AS output,
           {json("e.data", "error")} AS error
    FROM events AS e
    WHERE e.type IN ('step_completed', 'step_failed')
  ) AS d
  JOIN events AS s ON s.execution_id = d.execution_id AND s.version = d.scheduled"""


def _open_steps(words: _Words) -> str:
    """Steps that nothing has followed up: running, or waiting for their next attempt."""
    json, number = words.json, words.number
    later = f"""c.execution_id = s.execution_id AND c.version > s.version
            AND {number("c.data", "number")} = {number("s.data", "number")}"""
    failures = f"(SELECT count(*) FROM events AS c WHERE {later} AND c.type = 'step_failed')"
    begun = f"""(SELECT max({number("c.data", "attempt")}) FROM events AS c
          WHERE {later} AND c.type = 'step_started')"""
    return f"""  SELECT s.execution_id, {number("s.data", "number")}, {words.text("s.data", "name")}, {failures} + 1,
         CASE WHEN x.status IN ('completed', 'failed', 'cancelled') THEN 'failed'
              WHEN {failures} > 0 AND {failures} >= coalesce({begun}, 0) THEN 'waiting'
              ELSE 'running' END,
         s.at_us, NULL, coalesce({json("s.data", "args")}, '{{}}'), NULL, NULL
  FROM events AS s
  JOIN executions AS x ON x.id = s.execution_id
  WHERE s.type = 'step_scheduled'
    AND NOT EXISTS (SELECT 1 FROM events AS c WHERE {later}
                    AND (c.type IN ('step_completed', 'step_scheduled')
                         OR (c.type = 'step_failed' AND {number("c.data", "retry_at_us")} IS NULL)))"""


def _pending_inputs(words: _Words) -> str:
    """A request, and the first event after it that ended the wait: an answer, its timeout, or the run's own end."""
    number, text, at = words.number, words.text, words.instant
    form = words.json("e.data", "form")
    return f"""CREATE VIEW pending_inputs AS
SELECT i.workflow_id, i.number, i.input_name,
       coalesce(i.step, i.input_name) AS step_name,
       coalesce({text("i.form", "type")}, 'form') AS type,
       coalesce(i.prompt, '') AS prompt,
       {words.json("i.form", "schema")} AS schema,
       coalesce({words.json("i.form", "fields")}, {words.json("i.form", "choices")}) AS fields,
       CASE a.type WHEN 'input_received' THEN 'completed' WHEN 'input_timed_out' THEN 'timeout'
            ELSE CASE WHEN a.type IS NULL THEN 'pending' ELSE 'cancelled' END END AS status,
       CASE a.type WHEN 'input_received' THEN coalesce({words.json("a.data", "answer")}, 'null') END AS response,
       CASE a.type WHEN 'input_received' THEN {text("a.data", "by")} END AS responded_by,
       {at("i.asked_us", "")} AS requested_at,
       {at("i.due_us", "")} AS timeout_at,
       CASE WHEN a.type IN ('input_received', 'input_timed_out') THEN {at("a.at_us", "")} END AS completed_at
FROM (
  SELECT e.execution_id AS workflow_id, {number("e.data", "number")} AS number, {text("e.data", "name")} AS input_name,
         {text("e.data", "step")} AS step, {text("e.data", "prompt")} AS prompt, {form} AS form,
         {number("e.data", "due_us")} AS due_us, e.at_us AS asked_us,
         (SELECT min(c.version) FROM events AS c WHERE c.execution_id = e.execution_id AND c.version > e.version
            AND (c.type IN ('execution_retried', 'execution_completed', 'execution_failed', 'execution_cancelled',
                            'continued_as_new')
                 OR (c.type IN ('input_received', 'input_timed_out')
                     AND {number("c.data", "number")} = {number("e.data", "number")})
                 OR (c.type = 'input_closed' AND {number("c.data", "of")} = {number("e.data", "number")}))) AS ended
  FROM events AS e
  WHERE e.type = 'input_requested'
) AS i
LEFT JOIN events AS a ON a.execution_id = i.workflow_id AND a.version = i.ended"""


def _scheduled_workflows(words: _Words) -> str:
    at, rule = words.instant, words.json("s.spec", "rule")
    return f"""CREATE VIEW scheduled_workflows AS
SELECT s.name, s.module AS workflow_module, s.workflow AS workflow_name,
       {words.text(rule, "expression")} AS cron_expression,
       s.input,
       {words.text("s.spec", "queue")} AS queue,
       s.enabled = 1 AS enabled,
       {at("s.last_run_at_us", "")} AS last_run_at,
       {at("s.next_run_at_us", "")} AS next_run_at,
       coalesce({words.text(rule, "timezone")}, 'UTC') AS timezone,
       s.paused_reason,
       s.origin,
       {at("s.inserted_at_us", "")} AS inserted_at,
       {at("s.updated_at_us", "")} AS updated_at
FROM schedules AS s"""
