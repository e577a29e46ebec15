"""What is on disk: where a project is, its pyproject.toml, its secrets, the settings DataJoint is given."""
