"""A registry that keeps its own desk and is reached by mail: how, under which number, and what it said."""
