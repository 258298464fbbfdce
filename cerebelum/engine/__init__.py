"""The engine: no SQL, no terminal, no HTTP. Adapters are handed in through the ports."""
