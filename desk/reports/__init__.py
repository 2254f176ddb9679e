"""Reports: whose turn it was for how long, and what the other reports share: places, periods, rows."""
