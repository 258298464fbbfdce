"""The second screen: an execution's past, event by event, in both directions."""
