"""A pipeline in sub-packages."""
