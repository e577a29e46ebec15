"""The command line: one file per command; `_app` is where they come together."""
