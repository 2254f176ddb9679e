"""What is promised: the pages of agreements, and their changes while clocks run under them."""
