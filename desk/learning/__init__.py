"""What came back from a registry, counted, and the steps that follow from it."""
