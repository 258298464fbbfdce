"""The workflows of `tests.flows` as plain `def`s: `tests.flows.plain_form` makes them."""
