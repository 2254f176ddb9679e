"""Changes to working hours and promises, and what they do to the clocks that run: seen before, and then done."""
