"""Registries, consortia, organisations, people, their roles and how they sign in."""
