"""For users and adapter authors: contract suites, invariants, crashes at every event."""
