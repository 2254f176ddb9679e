"""What was measured wrongly: objections of the other party, and measuring again with a reason."""
