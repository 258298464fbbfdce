"""One module per command or small group. Each imports the engine inside its functions: `--help` stays quick."""
