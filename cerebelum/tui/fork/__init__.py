"""Forking from a screen: where, on which code, with what changed; and what that will do, before it does."""
