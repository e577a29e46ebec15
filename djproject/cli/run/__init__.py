"""Filling tables: workers, their jobs, and programs with the project's settings."""
