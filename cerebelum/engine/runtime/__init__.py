"""What runs it: workflow loop, interception, replay, journal, steps, timers, node."""
