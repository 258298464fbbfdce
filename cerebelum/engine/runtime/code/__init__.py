"""Loading, identifying, keeping and re-running the user's code, version by version."""
