"""The issues register: problems behind tickets, and what members are told of them."""
