"""What would have been: the tickets of a period under other working hours or other targets. Nothing is written."""
