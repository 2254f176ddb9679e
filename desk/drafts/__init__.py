"""What each lead makes of a registry's update for its own members: edited, sent, dismissed, or sent by itself."""
