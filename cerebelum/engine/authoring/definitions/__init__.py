"""Flows as data: a dict, or a JSON or YAML file, becomes the same `Graph` as every other flow."""
