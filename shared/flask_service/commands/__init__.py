"""What an operator types, beyond a server's own commands."""
