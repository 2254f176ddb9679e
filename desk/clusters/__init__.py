"""Escalations that look alike and have no issue yet: the problem behind them, found before somebody names it."""
