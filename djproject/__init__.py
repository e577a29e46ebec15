"""Project management for DataJoint pipelines."""

__version__ = "0.1.0"
