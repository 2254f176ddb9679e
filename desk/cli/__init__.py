"""The flask commands, one module per group."""
