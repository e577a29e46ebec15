"""Where a pipeline's database and stores live: embedded, stack, remote; and probes of them."""
