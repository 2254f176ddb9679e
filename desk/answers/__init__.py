"""What a registry answers from a desk of its own: by mail, or as the lead records it; and what that moves."""
