CREATE TABLE schedule_runs (
    fire_at_us BIGINT NOT NULL,
    inserted_at_us BIGINT NOT NULL,
    updated_at_us BIGINT NOT NULL,
    is_open INTEGER DEFAULT 0 NOT NULL,
    schedule TEXT NOT NULL,
    outcome TEXT NOT NULL,
    execution_id TEXT,
    reason TEXT DEFAULT '' NOT NULL,
    CONSTRAINT pk_schedule_runs PRIMARY KEY (schedule, fire_at_us)
)
 WITHOUT ROWID;

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
    name TEXT NOT NULL,
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
       json_extract(CASE WHEN json_type(s.spec, '$.rule') IS NOT NULL THEN substr(json_extract(s.spec, '$.rule', '$.-'), 2, length(json_extract(s.spec, '$.rule', '$.-')) - length('[,null]')) END, '$.expression') AS cron_expression,
       s.input,
       json_extract(s.spec, '$.queue') AS queue,
       s.enabled = 1 AS enabled,
       strftime('%Y-%m-%dT%H:%M:%S', s.last_run_at_us / 1000000, 'unixepoch') || printf('.%06d+00:00', s.last_run_at_us % 1000000) AS last_run_at,
       strftime('%Y-%m-%dT%H:%M:%S', s.next_run_at_us / 1000000, 'unixepoch') || printf('.%06d+00:00', s.next_run_at_us % 1000000) AS next_run_at,
       coalesce(json_extract(CASE WHEN json_type(s.spec, '$.rule') IS NOT NULL THEN substr(json_extract(s.spec, '$.rule', '$.-'), 2, length(json_extract(s.spec, '$.rule', '$.-')) - length('[,null]')) END, '$.timezone'), 'UTC') AS timezone,
       s.paused_reason,
       s.origin,
       strftime('%Y-%m-%dT%H:%M:%S', s.inserted_at_us / 1000000, 'unixepoch') || printf('.%06d+00:00', s.inserted_at_us % 1000000) AS inserted_at,
       strftime('%Y-%m-%dT%H:%M:%S', s.updated_at_us / 1000000, 'unixepoch') || printf('.%06d+00:00', s.updated_at_us % 1000000) AS updated_at
FROM schedules AS s;
