"""The ticket, its messages and attachments, and the verbs that change them."""
