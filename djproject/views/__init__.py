"""Pictures of a pipeline."""
