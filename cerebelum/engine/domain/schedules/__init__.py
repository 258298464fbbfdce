"""When a schedule fires, and what is done about it: arithmetic on instants that are given, without a clock and without a store.

Instants are integer microseconds since the Unix epoch, UTC (`_us`); whole seconds (`_s`) inside the search for a cron's
fires. "Wall" means what a clock on the wall of the schedule's zone shows, counted like an instant from 1970-01-01 00:00.
"""
