"""The screen that shows the workflow as a drawing, with an execution laid over it."""
