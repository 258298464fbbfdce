"""The Debug Adapter Protocol over a past execution: an editor walks it as if it were a running program.

`framing` takes bytes apart, `session` answers requests and does no I/O, `serving`, `stdio` and `tcp` carry messages.
"""
