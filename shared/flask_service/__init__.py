"""What any small Flask service needs to run well. It knows no server, and no server's settings."""
