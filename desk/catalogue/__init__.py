"""Incident types and request types, with what each one asks for."""
