"""The screen of what waits for people, and the form that answers."""
