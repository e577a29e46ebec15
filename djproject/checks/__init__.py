"""The rules of the convention, as generators of findings over a project that is only read."""
