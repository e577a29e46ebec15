"""Designing a pipeline: projects, schema modules, tables, rules, pictures."""
