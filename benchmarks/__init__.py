"""The workloads of the design's table of speeds, for this engine and for DBOS: `python -m benchmarks --help`."""
