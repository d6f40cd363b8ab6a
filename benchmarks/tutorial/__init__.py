"""The peer: a pair of servers as one writes them by hand after reading two tutorials.

Flask's own tutorial for the pages and the database (``sqlite3``, one connection a request, the
user loaded before each request), PyJWT's for the token (RS256, keys loaded once). The pair does the
same job: sign in, hand over, show one's notes. It has no replay store, no server-side session, no
binding to the browser and no log: what ours costs beyond it is the price of those.
"""
