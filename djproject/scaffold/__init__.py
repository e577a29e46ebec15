"""Projects, schema modules and tables written: first a plan of files, then the files."""
