"""The rules: values in, decision out. Nothing here reads a clock, a database or a request."""
