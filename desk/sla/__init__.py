"""The clocks of tickets: started, paused, warned and breached with what happens to the ticket."""
