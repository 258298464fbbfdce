"""The rules of durable execution, without I/O, clocks or threads: stdlib and msgspec only."""
