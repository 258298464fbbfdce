"""The screen of an execution's log lines."""
