"""What can be done to one execution from a screen: control it, send it a signal, fork it."""
