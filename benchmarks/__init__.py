"""What the desk does, measured beside a bare Flask page that does the least possible with the same rows."""
