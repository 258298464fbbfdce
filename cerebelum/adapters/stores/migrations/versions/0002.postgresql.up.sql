CREATE TABLE schedule_runs (
    fire_at_us BIGINT NOT NULL,
    inserted_at_us BIGINT NOT NULL,
    updated_at_us BIGINT NOT NULL,
    is_open INTEGER DEFAULT 0 NOT NULL,
    schedule TEXT COLLATE "C" NOT NULL,
    outcome TEXT NOT NULL,
    execution_id TEXT COLLATE "C",
    reason TEXT DEFAULT '' NOT NULL,
    CONSTRAINT pk_schedule_runs PRIMARY KEY (schedule, fire_at_us)
);

CREATE INDEX ix_schedule_runs_open ON schedule_runs (schedule, fire_at_us) WHERE is_open = 1;

CREATE TABLE schedules (
    decided_until_us BIGINT NOT NULL,
    last_run_at_us BIGINT,
    next_run_at_us BIGINT,
    due_at_us BIGINT,
    inserted_at_us BIGINT NOT NULL,
    updated_at_us BIGINT NOT NULL,
    enabled INTEGER DEFAULT 1 NOT NULL,
    waiting INTEGER DEFAULT 0 NOT NULL,
    revision INTEGER DEFAULT 1 NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    module TEXT DEFAULT '' NOT NULL,
    workflow TEXT NOT NULL,
    spec TEXT NOT NULL,
    input TEXT DEFAULT '{}' NOT NULL,
    ran_ahead TEXT DEFAULT '[]' NOT NULL,
    paused_reason TEXT DEFAULT '' NOT NULL,
    paused_by TEXT DEFAULT '' NOT NULL,
    origin TEXT DEFAULT 'hand' NOT NULL,
    PRIMARY KEY (name)
);

CREATE INDEX ix_schedules_due ON schedules (due_at_us) WHERE enabled = 1;

CREATE VIEW scheduled_workflows AS
SELECT s.name, s.module AS workflow_module, s.workflow AS workflow_name,
       (regexp_replace((regexp_replace(s.spec, '\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\ufffd', 'g')::json -> 'rule')::text, '\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\ufffd', 'g')::json ->> 'expression') AS cron_expression,
       s.input,
       (regexp_replace(s.spec, '\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\ufffd', 'g')::json ->> 'queue') AS queue,
       s.enabled = 1 AS enabled,
       timestamptz 'epoch' + s.last_run_at_us * interval '1 microsecond' AS last_run_at,
       timestamptz 'epoch' + s.next_run_at_us * interval '1 microsecond' AS next_run_at,
       coalesce((regexp_replace((regexp_replace(s.spec, '\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\ufffd', 'g')::json -> 'rule')::text, '\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\ufffd', 'g')::json ->> 'timezone'), 'UTC') AS timezone,
       s.paused_reason,
       s.origin,
       timestamptz 'epoch' + s.inserted_at_us * interval '1 microsecond' AS inserted_at,
       timestamptz 'epoch' + s.updated_at_us * interval '1 microsecond' AS updated_at
FROM schedules AS s;
