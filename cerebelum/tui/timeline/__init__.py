"""The screen that shows when everything was: a chart of time."""
