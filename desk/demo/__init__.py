"""The demo world, made through the verbs, and the large world for measurements."""
