"""Where tables are declared and filled, through DataJoint: deploy, queue, worker, pool, progress."""
