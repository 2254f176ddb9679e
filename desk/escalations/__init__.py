"""The hand-over between a consortium and its registry."""
