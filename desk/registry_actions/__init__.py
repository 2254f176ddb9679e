"""What a lead filed at the registry, as a record of its own."""
