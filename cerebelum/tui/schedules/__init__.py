"""The screens of schedules."""
