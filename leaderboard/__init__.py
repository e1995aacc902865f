"""Stage 4: from run records to tables. Reads run records and nothing else."""
