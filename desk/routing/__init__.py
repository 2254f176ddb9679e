"""Requests at the wrong door: passed to the lead whose member wrote, taken on by the registry, or sent elsewhere."""
