"""What a pipeline has: its target, its stores, what is declared and filled there."""
