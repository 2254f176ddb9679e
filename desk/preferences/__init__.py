"""Which mails people get, and when: what they choose for themselves."""
