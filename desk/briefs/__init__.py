"""The brief of a hand-over, while the lead writes it and before anybody else sees it."""
