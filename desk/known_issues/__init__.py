"""What members read and say of the issues register: published texts, updates, "affects us too", following."""
