"""The determinism linter: finds in workflow code, without running it, what a replay cannot repeat."""
