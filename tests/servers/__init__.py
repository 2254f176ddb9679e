"""Real servers for the tests: private, on loopback, thrown away afterwards."""
