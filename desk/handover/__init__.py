"""Giving a ticket to a registry and back: what changes on the ticket when an escalation moves."""
