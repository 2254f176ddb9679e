"""Consortium Desk: the support desk of research-infrastructure consortia."""
