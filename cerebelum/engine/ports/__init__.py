"""What the engine needs from the world, in its own words."""
