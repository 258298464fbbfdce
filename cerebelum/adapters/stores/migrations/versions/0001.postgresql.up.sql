CREATE TABLE batches (
    writer TEXT NOT NULL,
    id TEXT NOT NULL,
    inserted_at_us BIGINT NOT NULL,
    updated_at_us BIGINT NOT NULL,
    PRIMARY KEY (writer)
);

CREATE TABLE blobs (
    digest TEXT NOT NULL,
    content BYTEA NOT NULL,
    inserted_at_us BIGINT NOT NULL,
    updated_at_us BIGINT NOT NULL,
    PRIMARY KEY (digest)
);

CREATE TABLE events (
    at_us BIGINT NOT NULL,
    version INTEGER NOT NULL,
    execution_id TEXT COLLATE "C" NOT NULL,
    type TEXT NOT NULL,
    data TEXT NOT NULL,
    CONSTRAINT pk_events PRIMARY KEY (execution_id, version)
)
 PARTITION BY HASH (execution_id);

CREATE TABLE events_p00 PARTITION OF events FOR VALUES WITH (MODULUS 64, REMAINDER 0);

CREATE TABLE events_p01 PARTITION OF events FOR VALUES WITH (MODULUS 64, REMAINDER 1);

CREATE TABLE events_p02 PARTITION OF events FOR VALUES WITH (MODULUS 64, REMAINDER 2);

CREATE TABLE events_p03 PARTITION OF events FOR VALUES WITH (MODULUS 64, REMAINDER 3);

CREATE TABLE events_p04 PARTITION OF events FOR VALUES WITH (MODULUS 64, REMAINDER 4);

CREATE TABLE events_p05 PARTITION OF events FOR VALUES WITH (MODULUS 64, REMAINDER 5);

CREATE TABLE events_p06 PARTITION OF events FOR VALUES WITH (MODULUS 64, REMAINDER 6);

CREATE TABLE events_p07 PARTITION OF events FOR VALUES WITH (MODULUS 64, REMAINDER 7);

CREATE TABLE events_p08 PARTITION OF events FOR VALUES WITH (MODULUS 64, REMAINDER 8);

CREATE TABLE events_p09 PARTITION OF events FOR VALUES WITH (MODULUS 64, REMAINDER 9);

CREATE TABLE events_p10 PARTITION OF events FOR VALUES WITH (MODULUS 64, REMAINDER 10);

CREATE TABLE events_p11 PARTITION OF events FOR VALUES WITH (MODULUS 64, REMAINDER 11);

CREATE TABLE events_p12 PARTITION OF events FOR VALUES WITH (MODULUS 64, REMAINDER 12);

CREATE TABLE events_p13 PARTITION OF events FOR VALUES WITH (MODULUS 64, REMAINDER 13);

CREATE TABLE events_p14 PARTITION OF events FOR VALUES WITH (MODULUS 64, REMAINDER 14);

CREATE TABLE events_p15 PARTITION OF events FOR VALUES WITH (MODULUS 64, REMAINDER 15);

CREATE TABLE events_p16 PARTITION OF events FOR VALUES WITH (MODULUS 64, REMAINDER 16);

CREATE TABLE events_p17 PARTITION OF events FOR VALUES WITH (MODULUS 64, REMAINDER 17);

CREATE TABLE events_p18 PARTITION OF events FOR VALUES WITH (MODULUS 64, REMAINDER 18);

CREATE TABLE events_p19 PARTITION OF events FOR VALUES WITH (MODULUS 64, REMAINDER 19);

CREATE TABLE events_p20 PARTITION OF events FOR VALUES WITH (MODULUS 64, REMAINDER 20);

CREATE TABLE events_p21 PARTITION OF events FOR VALUES WITH (MODULUS 64, REMAINDER 21);

CREATE TABLE events_p22 PARTITION OF events FOR VALUES WITH (MODULUS 64, REMAINDER 22);

CREATE TABLE events_p23 PARTITION OF events FOR VALUES WITH (MODULUS 64, REMAINDER 23);

CREATE TABLE events_p24 PARTITION OF events FOR VALUES WITH (MODULUS 64, REMAINDER 24);

CREATE TABLE events_p25 PARTITION OF events FOR VALUES WITH (MODULUS 64, REMAINDER 25);

CREATE TABLE events_p26 PARTITION OF events FOR VALUES WITH (MODULUS 64, REMAINDER 26);

CREATE TABLE events_p27 PARTITION OF events FOR VALUES WITH (MODULUS 64, REMAINDER 27);

CREATE TABLE events_p28 PARTITION OF events FOR VALUES WITH (MODULUS 64, REMAINDER 28);

CREATE TABLE events_p29 PARTITION OF events FOR VALUES WITH (MODULUS 64, REMAINDER 29);

CREATE TABLE events_p30 PARTITION OF events FOR VALUES WITH (MODULUS 64, REMAINDER 30);

CREATE TABLE events_p31 PARTITION OF events FOR VALUES WITH (MODULUS 64, REMAINDER 31);

CREATE TABLE events_p32 PARTITION OF events FOR VALUES WITH (MODULUS 64, REMAINDER 32);

CREATE TABLE events_p33 PARTITION OF events FOR VALUES WITH (MODULUS 64, REMAINDER 33);

CREATE TABLE events_p34 PARTITION OF events FOR VALUES WITH (MODULUS 64, REMAINDER 34);

CREATE TABLE events_p35 PARTITION OF events FOR VALUES WITH (MODULUS 64, REMAINDER 35);

CREATE TABLE events_p36 PARTITION OF events FOR VALUES WITH (MODULUS 64, REMAINDER 36);

CREATE TABLE events_p37 PARTITION OF events FOR VALUES WITH (MODULUS 64, REMAINDER 37);

CREATE TABLE events_p38 PARTITION OF events FOR VALUES WITH (MODULUS 64, REMAINDER 38);

CREATE TABLE events_p39 PARTITION OF events FOR VALUES WITH (MODULUS 64, REMAINDER 39);

CREATE TABLE events_p40 PARTITION OF events FOR VALUES WITH (MODULUS 64, REMAINDER 40);

CREATE TABLE events_p41 PARTITION OF events FOR VALUES WITH (MODULUS 64, REMAINDER 41);

CREATE TABLE events_p42 PARTITION OF events FOR VALUES WITH (MODULUS 64, REMAINDER 42);

CREATE TABLE events_p43 PARTITION OF events FOR VALUES WITH (MODULUS 64, REMAINDER 43);

CREATE TABLE events_p44 PARTITION OF events FOR VALUES WITH (MODULUS 64, REMAINDER 44);

CREATE TABLE events_p45 PARTITION OF events FOR VALUES WITH (MODULUS 64, REMAINDER 45);

CREATE TABLE events_p46 PARTITION OF events FOR VALUES WITH (MODULUS 64, REMAINDER 46);

CREATE TABLE events_p47 PARTITION OF events FOR VALUES WITH (MODULUS 64, REMAINDER 47);

CREATE TABLE events_p48 PARTITION OF events FOR VALUES WITH (MODULUS 64, REMAINDER 48);

CREATE TABLE events_p49 PARTITION OF events FOR VALUES WITH (MODULUS 64, REMAINDER 49);

CREATE TABLE events_p50 PARTITION OF events FOR VALUES WITH (MODULUS 64, REMAINDER 50);

CREATE TABLE events_p51 PARTITION OF events FOR VALUES WITH (MODULUS 64, REMAINDER 51);

CREATE TABLE events_p52 PARTITION OF events FOR VALUES WITH (MODULUS 64, REMAINDER 52);

CREATE TABLE events_p53 PARTITION OF events FOR VALUES WITH (MODULUS 64, REMAINDER 53);

CREATE TABLE events_p54 PARTITION OF events FOR VALUES WITH (MODULUS 64, REMAINDER 54);

CREATE TABLE events_p55 PARTITION OF events FOR VALUES WITH (MODULUS 64, REMAINDER 55);

CREATE TABLE events_p56 PARTITION OF events FOR VALUES WITH (MODULUS 64, REMAINDER 56);

CREATE TABLE events_p57 PARTITION OF events FOR VALUES WITH (MODULUS 64, REMAINDER 57);

CREATE TABLE events_p58 PARTITION OF events FOR VALUES WITH (MODULUS 64, REMAINDER 58);

CREATE TABLE events_p59 PARTITION OF events FOR VALUES WITH (MODULUS 64, REMAINDER 59);

CREATE TABLE events_p60 PARTITION OF events FOR VALUES WITH (MODULUS 64, REMAINDER 60);

CREATE TABLE events_p61 PARTITION OF events FOR VALUES WITH (MODULUS 64, REMAINDER 61);

CREATE TABLE events_p62 PARTITION OF events FOR VALUES WITH (MODULUS 64, REMAINDER 62);

CREATE TABLE events_p63 PARTITION OF events FOR VALUES WITH (MODULUS 64, REMAINDER 63);

CREATE TABLE executions (
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
    id TEXT COLLATE "C" NOT NULL,
    workflow TEXT NOT NULL,
    code TEXT DEFAULT '' NOT NULL,
    status TEXT DEFAULT 'pending' NOT NULL,
    queue TEXT DEFAULT 'default' NOT NULL,
    current_step TEXT,
    error TEXT,
    parent TEXT,
    owner TEXT,
    PRIMARY KEY (id),
    CONSTRAINT ck_executions_status CHECK (status IN ('pending', 'running', 'waiting', 'paused', 'completed', 'failed', 'cancelled'))
);

CREATE INDEX ix_executions_due ON executions (workflow, priority, wake_at_us) WHERE owner IS NULL AND wake_at_us IS NOT NULL;

CREATE INDEX ix_executions_inserted_at ON executions (inserted_at_us);

CREATE INDEX ix_executions_owner ON executions (owner) WHERE owner IS NOT NULL;

CREATE INDEX ix_executions_parent ON executions (parent) WHERE parent IS NOT NULL;

CREATE INDEX ix_executions_started_at ON executions USING brin (started_at_us) WITH (pages_per_range = 16, autosummarize = on);

CREATE INDEX ix_executions_status ON executions (status, inserted_at_us);

CREATE INDEX ix_executions_workflow ON executions (workflow, inserted_at_us);

CREATE TABLE logs (
    id BIGSERIAL NOT NULL,
    execution_id TEXT COLLATE "C" NOT NULL,
    number INTEGER DEFAULT 0 NOT NULL,
    step TEXT DEFAULT '' NOT NULL,
    attempt INTEGER DEFAULT 1 NOT NULL,
    level TEXT DEFAULT 'info' NOT NULL,
    at_us BIGINT NOT NULL,
    message TEXT NOT NULL,
    metadata TEXT DEFAULT '{}' NOT NULL,
    PRIMARY KEY (id)
);

CREATE INDEX ix_logs_execution ON logs (execution_id, id);

CREATE TABLE messages (
    id BIGSERIAL NOT NULL,
    execution_id TEXT COLLATE "C" NOT NULL,
    kind TEXT NOT NULL,
    name TEXT DEFAULT '' NOT NULL,
    payload TEXT DEFAULT 'null' NOT NULL,
    sender TEXT DEFAULT '' NOT NULL,
    key TEXT NOT NULL,
    at_us BIGINT NOT NULL,
    consumed_at_us BIGINT,
    inserted_at_us BIGINT NOT NULL,
    updated_at_us BIGINT NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT uq_messages_key UNIQUE (execution_id, key)
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

ALTER TABLE executions SET (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.02);

ALTER TABLE executions SET (autovacuum_analyze_scale_factor = 0.02);

ALTER TABLE messages SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);

ALTER TABLE nodes SET (fillfactor = 50);

ALTER TABLE batches SET (fillfactor = 50);

CREATE FUNCTION forget_messages(ended text[]) RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM messages WHERE execution_id = ANY(ended);
    RETURN NULL;
END $$;

CREATE VIEW event_log AS
SELECT e.execution_id || '#' || e.version AS id,
       e.execution_id,
       e.type AS event_type,
       e.data AS payload,
       e.data AS event_data,
       e.version - 1 AS sequence,
       e.version,
       timestamptz 'epoch' + e.at_us * interval '1 microsecond' AS timestamp,
       timestamptz 'epoch' + e.at_us * interval '1 microsecond' AS inserted_at
FROM events AS e;

CREATE VIEW step_executions AS
SELECT a.workflow_id, a.number, a.step, a.attempt, a.status,
       timestamptz 'epoch' + a.started_us * interval '1 microsecond' AS started_at,
       timestamptz 'epoch' + a.completed_us * interval '1 microsecond' AS completed_at,
       (a.completed_us - a.started_us) / 1000 AS duration_ms,
       a.input, a.output, a.error,
       (SELECT coalesce(json_agg(json_build_object('at_us', l.at_us, 'level', l.level, 'message', l.message) ORDER BY l.id), '[]'::json)::text FROM logs AS l WHERE l.execution_id = a.workflow_id AND l.number = a.number AND l.attempt = a.attempt) AS logs
FROM (
  SELECT s.execution_id AS workflow_id, (regexp_replace(s.data, '\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\ufffd', 'g')::json ->> 'number')::bigint AS number,
         (regexp_replace(s.data, '\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\ufffd', 'g')::json ->> 'name') AS step, d.attempt, d.status,
         coalesce(nullif(d.started_us, 0), s.at_us) AS started_us, d.at_us AS completed_us,
         coalesce((regexp_replace(s.data, '\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\ufffd', 'g')::json -> 'args')::text, '{}') AS input, d.output, d.error
  FROM (
    SELECT e.execution_id, e.at_us, (SELECT s.version FROM events AS s WHERE s.execution_id = e.execution_id
            AND s.type = 'step_scheduled' AND s.version < e.version
            AND (regexp_replace(s.data, '\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\ufffd', 'g')::json ->> 'number')::bigint = (regexp_replace(e.data, '\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\ufffd', 'g')::json ->> 'number')::bigint
            ORDER BY s.version DESC LIMIT 1) AS scheduled,
           coalesce((regexp_replace(e.data, '\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\ufffd', 'g')::json ->> 'attempt')::bigint, 1) AS attempt,
           CASE e.type WHEN 'step_completed' THEN 'completed' ELSE 'failed' END AS status,
           (regexp_replace(e.data, '\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\ufffd', 'g')::json ->> 'started_us')::bigint AS started_us,
           CASE e.type WHEN 'step_completed' THEN coalesce((regexp_replace(e.data, '\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\ufffd', 'g')::json -> 'result')::text, 'null') END AS output,
           (regexp_replace(e.data, '\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\ufffd', 'g')::json -> 'error')::text AS error
    FROM events AS e
    WHERE e.type IN ('step_completed', 'step_failed')
  ) AS d
  JOIN events AS s ON s.execution_id = d.execution_id AND s.version = d.scheduled
  UNION ALL
  SELECT s.execution_id, (regexp_replace(s.data, '\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\ufffd', 'g')::json ->> 'number')::bigint, (regexp_replace(s.data, '\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\ufffd', 'g')::json ->> 'name'), (SELECT count(*) FROM events AS c WHERE c.execution_id = s.execution_id AND c.version > s.version
            AND (regexp_replace(c.data, '\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\ufffd', 'g')::json ->> 'number')::bigint = (regexp_replace(s.data, '\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\ufffd', 'g')::json ->> 'number')::bigint AND c.type = 'step_failed') + 1,
         CASE WHEN x.status IN ('completed', 'failed', 'cancelled') THEN 'failed'
              WHEN (SELECT count(*) FROM events AS c WHERE c.execution_id = s.execution_id AND c.version > s.version
            AND (regexp_replace(c.data, '\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\ufffd', 'g')::json ->> 'number')::bigint = (regexp_replace(s.data, '\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\ufffd', 'g')::json ->> 'number')::bigint AND c.type = 'step_failed') > 0 AND (SELECT count(*) FROM events AS c WHERE c.execution_id = s.execution_id AND c.version > s.version
            AND (regexp_replace(c.data, '\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\ufffd', 'g')::json ->> 'number')::bigint = (regexp_replace(s.data, '\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\ufffd', 'g')::json ->> 'number')::bigint AND c.type = 'step_failed') >= coalesce((SELECT max((regexp_replace(c.data, '\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\ufffd', 'g')::json ->> 'attempt')::bigint) FROM events AS c
          WHERE c.execution_id = s.execution_id AND c.version > s.version
            AND (regexp_replace(c.data, '\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\ufffd', 'g')::json ->> 'number')::bigint = (regexp_replace(s.data, '\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\ufffd', 'g')::json ->> 'number')::bigint AND c.type = 'step_started'), 0) THEN 'waiting'
              ELSE 'running' END,
         s.at_us, NULL, coalesce((regexp_replace(s.data, '\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\ufffd', 'g')::json -> 'args')::text, '{}'), NULL, NULL
  FROM events AS s
  JOIN executions AS x ON x.id = s.execution_id
  WHERE s.type = 'step_scheduled'
    AND NOT EXISTS (SELECT 1 FROM events AS c WHERE c.execution_id = s.execution_id AND c.version > s.version
            AND (regexp_replace(c.data, '\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\ufffd', 'g')::json ->> 'number')::bigint = (regexp_replace(s.data, '\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\ufffd', 'g')::json ->> 'number')::bigint
                    AND (c.type IN ('step_completed', 'step_scheduled')
                         OR (c.type = 'step_failed' AND (regexp_replace(c.data, '\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\ufffd', 'g')::json ->> 'retry_at_us')::bigint IS NULL)))
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
       (SELECT (regexp_replace(e.data, '\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\ufffd', 'g')::json -> 'input')::text FROM events AS e
        WHERE e.execution_id = x.id AND e.version = 1) AS input,
       (SELECT coalesce((regexp_replace(e.data, '\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\ufffd', 'g')::json -> 'result')::text, 'null') FROM events AS e
        WHERE e.execution_id = x.id AND e.version = x.last_version AND e.type = 'execution_completed') AS output,
       '{}' AS context,
       x.current_step,
       x.error,
       x.parent,
       x.run,
       x.last_version,
       timestamptz 'epoch' + x.scheduled_at_us * interval '1 microsecond' AS scheduled_at,
       timestamptz 'epoch' + x.started_at_us * interval '1 microsecond' AS started_at,
       timestamptz 'epoch' + x.completed_at_us * interval '1 microsecond' AS completed_at,
       timestamptz 'epoch' + x.inserted_at_us * interval '1 microsecond' AS inserted_at,
       timestamptz 'epoch' + x.updated_at_us * interval '1 microsecond' AS updated_at
FROM executions AS x;

CREATE VIEW pending_inputs AS
SELECT i.workflow_id, i.number, i.input_name,
       coalesce(i.step, i.input_name) AS step_name,
       coalesce((regexp_replace(i.form, '\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\ufffd', 'g')::json ->> 'type'), 'form') AS type,
       coalesce(i.prompt, '') AS prompt,
       (regexp_replace(i.form, '\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\ufffd', 'g')::json -> 'schema')::text AS schema,
       coalesce((regexp_replace(i.form, '\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\ufffd', 'g')::json -> 'fields')::text, (regexp_replace(i.form, '\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\ufffd', 'g')::json -> 'choices')::text) AS fields,
       CASE a.type WHEN 'input_received' THEN 'completed' WHEN 'input_timed_out' THEN 'timeout'
            ELSE CASE WHEN a.type IS NULL THEN 'pending' ELSE 'cancelled' END END AS status,
       CASE a.type WHEN 'input_received' THEN coalesce((regexp_replace(a.data, '\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\ufffd', 'g')::json -> 'answer')::text, 'null') END AS response,
       CASE a.type WHEN 'input_received' THEN (regexp_replace(a.data, '\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\ufffd', 'g')::json ->> 'by') END AS responded_by,
       timestamptz 'epoch' + i.asked_us * interval '1 microsecond' AS requested_at,
       timestamptz 'epoch' + i.due_us * interval '1 microsecond' AS timeout_at,
       CASE WHEN a.type IN ('input_received', 'input_timed_out') THEN timestamptz 'epoch' + a.at_us * interval '1 microsecond' END AS completed_at
FROM (
  SELECT e.execution_id AS workflow_id, (regexp_replace(e.data, '\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\ufffd', 'g')::json ->> 'number')::bigint AS number, (regexp_replace(e.data, '\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\ufffd', 'g')::json ->> 'name') AS input_name,
         (regexp_replace(e.data, '\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\ufffd', 'g')::json ->> 'step') AS step, (regexp_replace(e.data, '\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\ufffd', 'g')::json ->> 'prompt') AS prompt, (regexp_replace(e.data, '\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\ufffd', 'g')::json -> 'form')::text AS form,
         (regexp_replace(e.data, '\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\ufffd', 'g')::json ->> 'due_us')::bigint AS due_us, e.at_us AS asked_us,
         (SELECT min(c.version) FROM events AS c WHERE c.execution_id = e.execution_id AND c.version > e.version
            AND (c.type IN ('execution_retried', 'execution_completed', 'execution_failed', 'execution_cancelled',
                            'continued_as_new')
                 OR (c.type IN ('input_received', 'input_timed_out')
                     AND (regexp_replace(c.data, '\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\ufffd', 'g')::json ->> 'number')::bigint = (regexp_replace(e.data, '\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\ufffd', 'g')::json ->> 'number')::bigint)
                 OR (c.type = 'input_closed' AND (regexp_replace(c.data, '\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\ufffd', 'g')::json ->> 'of')::bigint = (regexp_replace(e.data, '\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\ufffd', 'g')::json ->> 'number')::bigint))) AS ended
  FROM events AS e
  WHERE e.type = 'input_requested'
) AS i
LEFT JOIN events AS a ON a.execution_id = i.workflow_id AND a.version = i.ended;
