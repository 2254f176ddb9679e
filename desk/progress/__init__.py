"""A ticket on its way: held and woken, handed over and back, resolved, confirmed, closed."""
