"""Atom feeds of known issues (RFC 4287): public by the lead's choice, else by a person's own key."""
