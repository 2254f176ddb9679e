"""The start page: leads everybody to the page they work on."""
