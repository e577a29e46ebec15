"""A pipeline with other names for things."""
