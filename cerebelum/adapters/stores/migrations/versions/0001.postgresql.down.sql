DROP VIEW pending_inputs;

DROP VIEW step_executions;

DROP VIEW workflow_executions;

DROP VIEW event_log;

DROP FUNCTION forget_messages(text[]);

DROP TABLE batches;

DROP TABLE blobs;

DROP TABLE executions;

DROP TABLE events;

DROP TABLE logs;

DROP TABLE messages;

DROP TABLE nodes;

DROP TABLE workflows;
