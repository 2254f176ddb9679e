"""Review dates of issues: when a desk is reminded, once, in its own working hours."""
