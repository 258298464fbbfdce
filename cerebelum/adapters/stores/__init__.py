"""Stores on SQL databases, and one in memory. Import the one you need: each brings its own driver."""
