"""What a request and its answer looked like, as the lab is told of them."""
