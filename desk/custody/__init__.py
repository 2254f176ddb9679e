"""The custody ledger: who held a ticket, from when to when, and why it moved."""
