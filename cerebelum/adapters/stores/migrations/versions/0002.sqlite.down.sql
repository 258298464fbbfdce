DROP VIEW scheduled_workflows;

DROP TABLE schedule_runs;

DROP TABLE schedules;
