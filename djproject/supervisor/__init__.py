"""The process that runs workers: placement, pool, events in words, metrics, health."""
