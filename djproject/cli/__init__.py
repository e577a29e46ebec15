"""The command line: one file for each command, in the folders of its headings; `_app` is where they come together."""
