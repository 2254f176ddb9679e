"""What happened to a ticket, an issue, an escalation or a person; timeline and outbox in one."""
