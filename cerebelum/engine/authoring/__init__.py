"""How users say what to run."""
