"""The Docker engine and Compose: the pipeline's own database, object store and workers."""
