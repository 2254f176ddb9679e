"""The rules of the time zones by which clocks are measured, and what is done when a machine learns others."""
