"""The terminal interface.

The layer's rule: screens and widgets talk to use cases (`cerebelum.engine.application`), never to a store, so that
everything a screen shows can also be asked for on the command line. Nothing else may import this package, except
the command that opens it.
"""
