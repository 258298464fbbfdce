"""Use cases, one module each: they orchestrate through ports and hold no rules of their own."""
