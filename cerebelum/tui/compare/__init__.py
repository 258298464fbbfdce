"""Compare: two executions, event by event."""
