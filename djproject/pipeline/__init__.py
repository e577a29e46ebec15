"""What the source says, read with `ast` and never imported: schema modules, tables, definitions, the graph."""
