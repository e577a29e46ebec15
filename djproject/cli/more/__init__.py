"""What does not belong to one of the others: the state of this machine, the example."""
