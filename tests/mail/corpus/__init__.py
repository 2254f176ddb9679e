"""Messages we wrote, each beside its expected reading (``name.eml``, ``name.json``)."""
