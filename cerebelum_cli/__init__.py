"""The `cerebelum` command: parses, calls use cases, prints. stdout is data, stderr is talk."""
