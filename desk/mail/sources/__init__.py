"""Where mail comes from. A source brings bytes and nothing else."""
