"""The inside of one worker process: the loop, the queue of each table, attempts, the lease, recovery."""
