"""`cerebelum dev`: the engine, and code that is taken up as it is saved."""
