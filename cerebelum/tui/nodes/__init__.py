"""The screen of nodes."""
