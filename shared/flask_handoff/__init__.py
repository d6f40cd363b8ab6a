"""Sign in on one Flask server, arrive signed in on another."""
