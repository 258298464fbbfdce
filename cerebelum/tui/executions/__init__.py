"""The first screen: executions, as a list that is alive."""
