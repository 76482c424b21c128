"""The graphs of bert4keras: its layers on those of hornbook, and the classes that connect them."""
