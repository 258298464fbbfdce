CREATE TABLE batches (
    writer TEXT NOT NULL,
    id TEXT NOT NULL,
    inserted_at_us BIGINT NOT NULL,
    updated_at_us BIGINT NOT NULL,
    PRIMARY KEY (writer)
);

CREATE TABLE blobs (
    digest TEXT NOT NULL,
    content BLOB NOT NULL,
    inserted_at_us BIGINT NOT NULL,
    updated_at_us BIGINT NOT NULL,
    PRIMARY KEY (digest)
);

CREATE TABLE executions (
    n INTEGER NOT NULL,
    inserted_at_us BIGINT NOT NULL,
    updated_at_us BIGINT NOT NULL,
    wake_at_us BIGINT,
    scheduled_at_us BIGINT,
    started_at_us BIGINT,
    completed_at_us BIGINT,
    priority INTEGER DEFAULT 0 NOT NULL,
    run INTEGER DEFAULT 1 NOT NULL,
    last_version INTEGER DEFAULT 0 NOT NULL,
    checkpoint INTEGER,
    epoch INTEGER DEFAULT 0 NOT NULL,
    claims INTEGER DEFAULT 0 NOT NULL,
    id TEXT NOT NULL,
    workflow TEXT NOT NULL,
    code TEXT DEFAULT '' NOT NULL,
    status TEXT DEFAULT 'pending' NOT NULL,
    queue TEXT DEFAULT 'default' NOT NULL,
    current_step TEXT,
    error TEXT,
    parent TEXT,
    owner TEXT,
    PRIMARY KEY (n),
    CONSTRAINT ck_executions_status CHECK (status IN ('pending', 'running', 'waiting', 'paused', 'completed', 'failed', 'cancelled')),
    UNIQUE (id)
);

CREATE INDEX ix_executions_due ON executions (workflow, priority, wake_at_us) WHERE owner IS NULL AND wake_at_us IS NOT NULL;

CREATE INDEX ix_executions_inserted_at ON executions (inserted_at_us);

CREATE INDEX ix_executions_owner ON executions (owner) WHERE owner IS NOT NULL;

CREATE INDEX ix_executions_parent ON executions (parent) WHERE parent IS NOT NULL;

CREATE INDEX ix_executions_started_at ON executions (started_at_us);

CREATE INDEX ix_executions_status ON executions (status, inserted_at_us);

CREATE INDEX ix_executions_workflow ON executions (workflow, inserted_at_us);

CREATE TABLE history (
    execution INTEGER NOT NULL,
    version INTEGER NOT NULL,
    type TEXT NOT NULL,
    data TEXT NOT NULL,
    at_us BIGINT NOT NULL,
    PRIMARY KEY (execution, version)
)
 WITHOUT ROWID;

CREATE TABLE logs (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    execution_id TEXT NOT NULL,
    number INTEGER DEFAULT 0 NOT NULL,
    step TEXT DEFAULT '' NOT NULL,
    attempt INTEGER DEFAULT 1 NOT NULL,
    level TEXT DEFAULT 'info' NOT NULL,
    at_us BIGINT NOT NULL,
    message TEXT NOT NULL,
    metadata TEXT DEFAULT '{}' NOT NULL
);

CREATE INDEX ix_logs_execution ON logs (execution_id, id);

CREATE TABLE messages (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    execution_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT DEFAULT '' NOT NULL,
    payload TEXT DEFAULT 'null' NOT NULL,
    sender TEXT DEFAULT '' NOT NULL,
    "key" TEXT NOT NULL,
    at_us BIGINT NOT NULL,
    consumed_at_us BIGINT,
    inserted_at_us BIGINT NOT NULL,
    updated_at_us BIGINT NOT NULL,
    CONSTRAINT uq_messages_key UNIQUE (execution_id, "key")
);

CREATE INDEX ix_messages_inbox ON messages (id) WHERE consumed_at_us IS NULL;

CREATE TABLE nodes (
    nonce TEXT NOT NULL,
    name TEXT DEFAULT '' NOT NULL,
    host TEXT DEFAULT '' NOT NULL,
    pid INTEGER DEFAULT 0 NOT NULL,
    lease_until_us BIGINT NOT NULL,
    started_at_us BIGINT NOT NULL,
    workflows TEXT DEFAULT '[]' NOT NULL,
    inserted_at_us BIGINT NOT NULL,
    updated_at_us BIGINT NOT NULL,
    PRIMARY KEY (nonce)
);

CREATE TABLE workflows (
    workflow TEXT NOT NULL,
    version INTEGER DEFAULT 1 NOT NULL,
    digest TEXT NOT NULL,
    module TEXT DEFAULT '' NOT NULL,
    entrypoint TEXT DEFAULT '' NOT NULL,
    source TEXT,
    graph TEXT,
    inserted_at_us BIGINT NOT NULL,
    updated_at_us BIGINT NOT NULL,
    CONSTRAINT pk_workflows PRIMARY KEY (workflow, version)
);

CREATE VIEW events AS
SELECT x.id AS execution_id, h.version, h.type, h.data, h.at_us
FROM executions AS x JOIN history AS h ON h.execution = x.n;

CREATE VIEW event_log AS
SELECT e.execution_id || '#' || e.version AS id,
       e.execution_id,
       e.type AS event_type,
       e.data AS payload,
       e.data AS event_data,
       e.version - 1 AS sequence,
       e.version,
       strftime('%Y-%m-%dT%H:%M:%S', e.at_us / 1000000, 'unixepoch') || printf('.%06d+00:00', e.at_us % 1000000) AS timestamp,
       strftime('%Y-%m-%dT%H:%M:%S', e.at_us / 1000000, 'unixepoch') || printf('.%06d+00:00', e.at_us % 1000000) AS inserted_at
FROM events AS e;

CREATE VIEW step_executions AS
SELECT a.workflow_id, a.number, a.step, a.attempt, a.status,
       strftime('%Y-%m-%dT%H:%M:%S', a.started_us / 1000000, 'unixepoch') || printf('.%06d+00:00', a.started_us % 1000000) AS started_at,
       strftime('%Y-%m-%dT%H:%M:%S', a.completed_us / 1000000, 'unixepoch') || printf('.%06d+00:00', a.completed_us % 1000000) AS completed_at,
       (a.completed_us - a.started_us) / 1000 AS duration_ms,
       a.input, a.output, a.error,
       (SELECT json_group_array(json_object('at_us', l.at_us, 'level', l.level, 'message', l.message)) FROM (SELECT at_us, level, message FROM logs WHERE logs.execution_id = a.workflow_id AND logs.number = a.number AND logs.attempt = a.attempt ORDER BY logs.id) AS l) AS logs
FROM (
  SELECT s.execution_id AS workflow_id, json_extract(s.data, '$.number') AS number,
         json_extract(s.data, '$.name') AS step, d.attempt, d.status,
         coalesce(nullif(d.started_us, 0), s.at_us) AS started_us, d.at_us AS completed_us,
         coalesce(CASE WHEN json_type(s.data, '$.args') IS NOT NULL THEN substr(json_extract(s.data, '$.args', '$.-'), 2, length(json_extract(s.data, '$.args', '$.-')) - length('[,null]')) END, '{}') AS input, d.output, d.error
  FROM (
    SELECT e.execution_id, e.at_us, (SELECT s.version FROM events AS s WHERE s.execution_id = e.execution_id
            AND s.type = 'step_scheduled' AND s.version < e.version
            AND json_extract(s.data, '$.number') = json_extract(e.data, '$.number')
            ORDER BY s.version DESC LIMIT 1) AS scheduled,
           coalesce(json_extract(e.data, '$.attempt'), 1) AS attempt,
           CASE e.type WHEN 'step_completed' THEN 'completed' ELSE 'failed' END AS status,
           json_extract(e.data, '$.started_us') AS started_us,
           CASE e.type WHEN 'step_completed' THEN coalesce(CASE WHEN json_type(e.data, '$.result') IS NOT NULL THEN substr(json_extract(e.data, '$.result', '$.-'), 2, length(json_extract(e.data, '$.result', '$.-')) - length('[,null]')) END, 'null') END AS output,
           CASE WHEN json_type(e.data, '$.error') IS NOT NULL THEN substr(json_extract(e.data, '$.error', '$.-'), 2, length(json_extract(e.data, '$.error', '$.-')) - length('[,null]')) END AS error
    FROM events AS e
    WHERE e.type IN ('step_completed', 'step_failed')
  ) AS d
  JOIN events AS s ON s.execution_id = d.execution_id AND s.version = d.scheduled
  UNION ALL
  SELECT s.execution_id, json_extract(s.data, '$.number'), json_extract(s.data, '$.name'), (SELECT count(*) FROM events AS c WHERE c.execution_id = s.execution_id AND c.version > s.version
            AND json_extract(c.data, '$.number') = json_extract(s.data, '$.number') AND c.type = 'step_failed') + 1,
         CASE WHEN x.status IN ('completed', 'failed', 'cancelled') THEN 'failed'
              WHEN (SELECT count(*) FROM events AS c WHERE c.execution_id = s.execution_id AND c.version > s.version
            AND json_extract(c.data, '$.number') = json_extract(s.data, '$.number') AND c.type = 'step_failed') > 0 AND (SELECT count(*) FROM events AS c WHERE c.execution_id = s.execution_id AND c.version > s.version
            AND json_extract(c.data, '$.number') = json_extract(s.data, '$.number') AND c.type = 'step_failed') >= coalesce((SELECT max(json_extract(c.data, '$.attempt')) FROM events AS c
          WHERE c.execution_id = s.execution_id AND c.version > s.version
            AND json_extract(c.data, '$.number') = json_extract(s.data, '$.number') AND c.type = 'step_started'), 0) THEN 'waiting'
              ELSE 'running' END,
         s.at_us, NULL, coalesce(CASE WHEN json_type(s.data, '$.args') IS NOT NULL THEN substr(json_extract(s.data, '$.args', '$.-'), 2, length(json_extract(s.data, '$.args', '$.-')) - length('[,null]')) END, '{}'), NULL, NULL
  FROM events AS s
  JOIN executions AS x ON x.id = s.execution_id
  WHERE s.type = 'step_scheduled'
    AND NOT EXISTS (SELECT 1 FROM events AS c WHERE c.execution_id = s.execution_id AND c.version > s.version
            AND json_extract(c.data, '$.number') = json_extract(s.data, '$.number')
                    AND (c.type IN ('step_completed', 'step_scheduled')
                         OR (c.type = 'step_failed' AND json_extract(c.data, '$.retry_at_us') IS NULL)))
) AS a;

CREATE VIEW workflow_executions AS
SELECT x.id,
       x.id AS workflow_id,
       coalesce((SELECT nullif(w.module, '') FROM workflows AS w
                 WHERE w.workflow = x.workflow AND substr(w.digest, 1, 16) = x.code ORDER BY w.version DESC LIMIT 1),
                x.workflow) AS workflow_module,
       x.workflow AS workflow_name,
       x.code,
       x.status,
       x.queue,
       x.priority,
       (SELECT CASE WHEN json_type(e.data, '$.input') IS NOT NULL THEN substr(json_extract(e.data, '$.input', '$.-'), 2, length(json_extract(e.data, '$.input', '$.-')) - length('[,null]')) END FROM events AS e
        WHERE e.execution_id = x.id AND e.version = 1) AS input,
       (SELECT coalesce(CASE WHEN json_type(e.data, '$.result') IS NOT NULL THEN substr(json_extract(e.data, '$.result', '$.-'), 2, length(json_extract(e.data, '$.result', '$.-')) - length('[,null]')) END, 'null') FROM events AS e
        WHERE e.execution_id = x.id AND e.version = x.last_version AND e.type = 'execution_completed') AS output,
       '{}' AS context,
       x.current_step,
       x.error,
       x.parent,
       x.run,
       x.last_version,
       strftime('%Y-%m-%dT%H:%M:%S', x.scheduled_at_us / 1000000, 'unixepoch') || printf('.%06d+00:00', x.scheduled_at_us % 1000000) AS scheduled_at,
       strftime('%Y-%m-%dT%H:%M:%S', x.started_at_us / 1000000, 'unixepoch') || printf('.%06d+00:00', x.started_at_us % 1000000) AS started_at,
       strftime('%Y-%m-%dT%H:%M:%S', x.completed_at_us / 1000000, 'unixepoch') || printf('.%06d+00:00', x.completed_at_us % 1000000) AS completed_at,
       strftime('%Y-%m-%dT%H:%M:%S', x.inserted_at_us / 1000000, 'unixepoch') || printf('.%06d+00:00', x.inserted_at_us % 1000000) AS inserted_at,
       strftime('%Y-%m-%dT%H:%M:%S', x.updated_at_us / 1000000, 'unixepoch') || printf('.%06d+00:00', x.updated_at_us % 1000000) AS updated_at
FROM executions AS x;

CREATE VIEW pending_inputs AS
SELECT i.workflow_id, i.number, i.input_name,
       coalesce(i.step, i.input_name) AS step_name,
       coalesce(json_extract(i.form, '$.type'), 'form') AS type,
       coalesce(i.prompt, '') AS prompt,
       CASE WHEN json_type(i.form, '$.schema') IS NOT NULL THEN substr(json_extract(i.form, '$.schema', '$.-'), 2, length(json_extract(i.form, '$.schema', '$.-')) - length('[,null]')) END AS schema,
       coalesce(CASE WHEN json_type(i.form, '$.fields') IS NOT NULL THEN substr(json_extract(i.form, '$.fields', '$.-'), 2, length(json_extract(i.form, '$.fields', '$.-')) - length('[,null]')) END, CASE WHEN json_type(i.form, '$.choices') IS NOT NULL THEN substr(json_extract(i.form, '$.choices', '$.-'), 2, length(json_extract(i.form, '$.choices', '$.-')) - length('[,null]')) END) AS fields,
       CASE a.type WHEN 'input_received' THEN 'completed' WHEN 'input_timed_out' THEN 'timeout'
            ELSE CASE WHEN a.type IS NULL THEN 'pending' ELSE 'cancelled' END END AS status,
       CASE a.type WHEN 'input_received' THEN coalesce(CASE WHEN json_type(a.data, '$.answer') IS NOT NULL THEN substr(json_extract(a.data, '$.answer', '$.-'), 2, length(json_extract(a.data, '$.answer', '$.-')) - length('[,null]')) END, 'null') END AS response,
       CASE a.type WHEN 'input_received' THEN json_extract(a.data, '$.by') END AS responded_by,
       strftime('%Y-%m-%dT%H:%M:%S', i.asked_us / 1000000, 'unixepoch') || printf('.%06d+00:00', i.asked_us % 1000000) AS requested_at,
       strftime('%Y-%m-%dT%H:%M:%S', i.due_us / 1000000, 'unixepoch') || printf('.%06d+00:00', i.due_us % 1000000) AS timeout_at,
       CASE WHEN a.type IN ('input_received', 'input_timed_out') THEN strftime('%Y-%m-%dT%H:%M:%S', a.at_us / 1000000, 'unixepoch') || printf('.%06d+00:00', a.at_us % 1000000) END AS completed_at
FROM (
  SELECT e.execution_id AS workflow_id, json_extract(e.data, '$.number') AS number, json_extract(e.data, '$.name') AS input_name,
         json_extract(e.data, '$.step') AS step, json_extract(e.data, '$.prompt') AS prompt, CASE WHEN json_type(e.data, '$.form') IS NOT NULL THEN substr(json_extract(e.data, '$.form', '$.-'), 2, length(json_extract(e.data, '$.form', '$.-')) - length('[,null]')) END AS form,
         json_extract(e.data, '$.due_us') AS due_us, e.at_us AS asked_us,
         (SELECT min(c.version) FROM events AS c WHERE c.execution_id = e.execution_id AND c.version > e.version
            AND (c.type IN ('execution_retried', 'execution_completed', 'execution_failed', 'execution_cancelled',
                            'continued_as_new')
                 OR (c.type IN ('input_received', 'input_timed_out')
                     AND json_extract(c.data, '$.number') = json_extract(e.data, '$.number'))
                 OR (c.type = 'input_closed' AND json_extract(c.data, '$.of') = json_extract(e.data, '$.number')))) AS ended
  FROM events AS e
  WHERE e.type = 'input_requested'
) AS i
LEFT JOIN events AS a ON a.execution_id = i.workflow_id AND a.version = i.ended;
