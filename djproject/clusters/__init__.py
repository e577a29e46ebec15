"""Workers on Slurm and on Kubernetes: pilot jobs, which claim keys in the database as workers anywhere do."""
