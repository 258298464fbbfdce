"""Implementations of the ports. They know `engine.domain` and `engine.ports`, and nothing above."""
