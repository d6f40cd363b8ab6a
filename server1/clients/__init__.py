"""The software that SERVER1 signs users in to, as far as it is registered in its database."""
