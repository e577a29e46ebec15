"""What is declared and stored in a database, through DataJoint: deployed, counted, listed; jobs changed by hand."""
