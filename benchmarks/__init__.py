"""Measurements, each against what a user would otherwise use, in one run: `python -m benchmarks [NAME…]`."""
